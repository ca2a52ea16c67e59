import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { parseRecipe, type Recipe, type ResolvedStage } from '../../src/recipe/load.js';
import { check } from './diagnose.js';
import { fakeKinds } from './fake-kinds.js';

const head = 'quern: 1\nstages:\n  float: { kind: load, source: x }\n';

function parse(stages: string, set: { readonly [name: string]: string } = {}, top = ''): Recipe {
  const text = `${top}${head}${stages.replace(/^/gm, '  ')}\n`;
  const loaded = parseRecipe(text, 'r.yaml', { kinds: fakeKinds, set: new Map(Object.entries(set)) });
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.diagnostics));
  return loaded.recipe;
}

function namesOf(recipe: Recipe): readonly string[] {
  return recipe.stages.map(({ name }) => name);
}

function stage(recipe: Recipe, name: string): ResolvedStage {
  const found = recipe.stages.find((one) => one.name === name);
  if (found === undefined) throw new Error(`no stage ${name} among ${namesOf(recipe).join(' ')}`);
  return found;
}

const int4 =
  "q: { kind: quantize, model: float, rules: [{ match: a, bits: '${matrix.bits}' }], matrix: { bits: [4, 2] } }";

test('a matrix makes a variant for each combination, the last key varying fastest', () => {
  const recipe = parse(
    'm: { kind: load, source: "${matrix.size}/${matrix.layers}", matrix: { size: [s, l], layers: [1, 2] } }',
  );
  assert.equal(namesOf(recipe), [
    'float',
    'm[size=s,layers=1]',
    'm[size=s,layers=2]',
    'm[size=l,layers=1]',
    'm[size=l,layers=2]',
  ]);
  const variant = stage(recipe, 'm[size=l,layers=1]');
  assert.is(variant.family, 'm');
  assert.equal(
    variant.variant.map(({ key, value }) => [key, value]),
    [
      ['size', 'l'],
      ['layers', 1],
    ],
  );
  assert.is(variant.parameters.source, 'l/1');
});

test('a key with the name of a parameter sets it, unless the stage gives the parameter', () => {
  const direct = parse('m: { kind: load, source: x, matrix: { layers: [1, 2] } }');
  assert.is(stage(direct, 'm[layers=2]').parameters.layers, 2);
  const given = parse('m: { kind: load, source: "x${matrix.layers}", layers: 7, matrix: { layers: [1, 2] } }');
  assert.is(stage(given, 'm[layers=2]').parameters.layers, 7);
});

test('values keep their type and are not shared between variants', () => {
  const recipe = parse(
    'r: { kind: run, model: float, matrix: { devices: [[cpu], [{ npu: stx }, cpu]], threshold: [1, 2] } }',
  );
  const [first, second] = ['r[devices=["cpu"],threshold=1]', 'r[devices=["cpu"],threshold=2]'].map((name) =>
    stage(recipe, name),
  );
  assert.equal(first?.parameters, { devices: ['cpu'], threshold: 1 });
  assert.is.not(first?.parameters.devices, second?.parameters.devices);
  assert.equal(stage(recipe, 'r[devices=[{"npu":"stx"},"cpu"],threshold=1]').parameters.devices, [
    { npu: 'stx' },
    'cpu',
  ]);
});

test('texts that would be mistaken for a part of the name are quoted in it', () => {
  const recipe = parse('m: { kind: load, matrix: { source: [a/b.c, "a,b", "a b", "c=d", "[x]", "é"] } }');
  assert.equal(namesOf(recipe).slice(1), [
    'm[source=a/b.c]',
    'm[source="a,b"]',
    'm[source="a b"]',
    'm[source="c=d"]',
    'm[source="[x]"]',
    'm[source=é]',
  ]);
});

test('a stage that names an expanded stage is expanded along with it', () => {
  const recipe = parse(`${int4}\nr: { kind: run, model: q, threshold: "\${matrix.bits}" }`);
  assert.equal(namesOf(recipe), ['float', 'q[bits=4]', 'q[bits=2]', 'r[bits=4]', 'r[bits=2]']);
  const run = stage(recipe, 'r[bits=2]');
  assert.equal(run.inputs, { model: 'q[bits=2]' });
  assert.is(run.parameters.threshold, 2);
});

test('inputs expanded over the same key go together, others are crossed', () => {
  const recipe =
    parse(`stats: { kind: calibrate, model: float, dataset: { text: t }, matrix: { collect: [[gram], [absmax]] } }
${int4}
a: { kind: smoothquant, model: q, stats: stats }
b: { kind: quantize, model: a, stats: stats, rules: [{ match: a }] }`);
  assert.equal(
    namesOf(recipe).filter((name) => name.startsWith('a')),
    [
      'a[bits=4,collect=["gram"]]',
      'a[bits=4,collect=["absmax"]]',
      'a[bits=2,collect=["gram"]]',
      'a[bits=2,collect=["absmax"]]',
    ],
  );
  assert.is(recipe.stages.filter(({ family }) => family === 'b').length, 4);
  assert.equal(stage(recipe, 'b[bits=4,collect=["absmax"]]').inputs, {
    model: 'a[bits=4,collect=["absmax"]]',
    stats: 'stats[collect=["absmax"]]',
  });
});

test('different values of the same key never meet', () => {
  const recipe = parse(`a: { kind: load, matrix: { source: [x, y] } }
s: { kind: calibrate, model: float, dataset: { text: "\${matrix.source}" }, matrix: { source: [y, z] } }
b: { kind: smoothquant, model: a, stats: s }`);
  assert.equal(
    namesOf(recipe).filter((name) => name.startsWith('b')),
    ['b[source=y]'],
  );
});

test("a stage's own matrix comes behind what its inputs bring", () => {
  const recipe = parse(`${int4}\nr: { kind: run, model: q, matrix: { threshold: [1, 2] } }`);
  assert.equal(namesOf(recipe).slice(3), [
    'r[bits=4,threshold=1]',
    'r[bits=4,threshold=2]',
    'r[bits=2,threshold=1]',
    'r[bits=2,threshold=2]',
  ]);
});

test('a matrix may go over stages', () => {
  const recipe = parse(`${int4}\nr: { kind: run, matrix: { model: [float, q] } }`);
  assert.equal(
    recipe.stages.slice(3).map(({ name, inputs }) => [name, inputs.model]),
    [
      ['r[model=float]', 'float'],
      ['r[bits=4,model=q]', 'q[bits=4]'],
      ['r[bits=2,model=q]', 'q[bits=2]'],
    ],
  );
  const text = parse(`${int4}\nr: { kind: run, model: "\${matrix.from}", matrix: { from: [float] } }`);
  assert.equal(stage(text, 'r[from=float]').inputs, { model: 'float' });
});

test('an input may name one variant, or those with certain values', () => {
  const grid = 'g: { kind: load, source: "${matrix.a}${matrix.b}", matrix: { a: [1, 2], b: [3, 4] } }';
  const one = parse(`${grid}\nr: { kind: run, model: "g[a=1,b=4]" }`);
  assert.equal(stage(one, 'r').inputs, { model: 'g[a=1,b=4]' });
  const some = parse(`${grid}\nr: { kind: run, model: "g[b=4]" }`);
  assert.equal(
    some.stages.slice(-2).map(({ name, inputs }) => [name, inputs.model]),
    [
      ['r[a=1]', 'g[a=1,b=4]'],
      ['r[a=2]', 'g[a=2,b=4]'],
    ],
  );
});

test('a list gathers all variants in order, each once, and is not expanded', () => {
  const recipe = parse(`${int4}\nt: { kind: table, of: ["q[bits=2]", float, q] }`);
  const table = stage(recipe, 't');
  assert.equal(table.inputs, { 'of.0': 'q[bits=2]', 'of.1': 'float', 'of.2': 'q[bits=4]' });
  assert.equal(table.parameters, { of: ['q[bits=2]', 'float', 'q[bits=4]'] });
});

test('--set gives a matrix other values', () => {
  const stages = 'm: { kind: load, source: x, matrix: { layers: "${layers}" } }';
  const top = 'vars: { layers: [1, 2] }\n';
  assert.equal(namesOf(parse(stages, {}, top)), ['float', 'm[layers=1]', 'm[layers=2]']);
  const other = parse(stages, { layers: '[5]' }, top);
  assert.equal(namesOf(other), ['float', 'm[layers=5]']);
  const origins = stage(other, 'm[layers=5]').variables.map(({ name, location }) => [
    name,
    location.line ?? location.file,
  ]);
  assert.equal(origins, [
    ['matrix.layers', 4 + 1],
    ['vars.layers', '--set layers=[5]'],
  ]);
});

test('a parameter set by a matrix is located at its value there', () => {
  const recipe = parse('m: { kind: load, source: x, matrix: { layers: [1, 22] } }');
  const { line, column, length } = stage(recipe, 'm[layers=22]').locate(['layers']);
  assert.equal([line, column, length], [4, 53, 2]);
});

function inRecipe(text: string): string {
  return `${head}${text.replace(/^/gm, '  ')}\n`;
}

check(
  'matrix',
  [
    [
      'not a mapping',
      'm: { kind: load, source: x, matrix: 3 }',
      ['4:39 `matrix` must be a mapping from keys to lists of values, got 3; for example { bits: [4, 3] }'],
    ],
    [
      'empty',
      'm: { kind: load, source: x, matrix: {} }',
      [
        '4:39 `matrix` must be a mapping from keys to lists of values, got an empty mapping; for example { bits: [4, 3] }',
      ],
    ],
    [
      'no list',
      'm: { kind: load, source: x, matrix: { layers: 3 } }',
      ['4:49 `matrix.layers` must be a list of values, got 3'],
    ],
    [
      'empty list',
      'm: { kind: load, source: x, matrix: { layers: [] } }',
      ['4:49 `matrix.layers` must be a list of values, got an empty list'],
    ],
    [
      'bad key',
      'm: { kind: load, source: x, matrix: { a b: [1] } }',
      ['4:41 `a b` is not a name for a key; use letters, digits, _ and -'],
    ],
    [
      'value twice',
      'm: { kind: load, source: x, matrix: { layers: [1, 2, 1] } }',
      ['4:56 `matrix.layers` has 1 twice'],
    ],
    [
      'misspelt key',
      'm: { kind: load, source: x, matrix: { layrs: [1, 2] } }',
      ['4:41 `layrs` sets no parameter of kind load and is not used; did you mean `layers`?'],
    ],
    [
      'unused key',
      'm: { kind: load, source: x, matrix: { seed: [1, 2] } }',
      ['4:41 `seed` sets no parameter of kind load and is not used; use it as ${matrix.seed}'],
    ],
    [
      'misspelt use',
      'm: { kind: load, source: "${matrix.siez}-${matrix.size}", matrix: { size: [1, 2] } }',
      ['4:28 unknown variable `matrix.siez`; did you mean `matrix.size`?'],
    ],
    [
      'value of the wrong type',
      'm: { kind: load, source: x, matrix: { layers: [1, two] } }',
      ['4:53 `layers` must be a whole number of at least 1, got "two"'],
    ],
    [
      'value of the wrong type, used in a parameter',
      'm: { kind: load, source: x, layers: "${matrix.n}", matrix: { n: [1, two] } }',
      ['4:39 `layers` must be a whole number of at least 1, got "two"; the value is that of matrix.n in line 4'],
    ],
    [
      'value too long for a name',
      `m: { kind: load, matrix: { source: [${'x'.repeat(81)}] } }`,
      [
        '4:39 a value of `matrix.source` is too long for the name of a variant (over 80 characters); let the matrix have only what differs, and use it as ${matrix.source}',
      ],
    ],
    [
      'too many',
      `m: { kind: load, source: "\${matrix.a}\${matrix.b}", matrix: { a: [${numbers(200)}], b: [${numbers(200)}] } }`,
      ['4:54 the matrix makes 40000 variants; at most 10000 are possible'],
    ],
    [
      'too many along the edges',
      `m: { kind: load, source: "x\${matrix.a}", matrix: { a: [${numbers(200)}] } }
s: { kind: calibrate, model: float, dataset: { text: "x\${matrix.b}" }, matrix: { b: [${numbers(200)}] } }
t: { kind: smoothquant, model: m, stats: s }`,
      ['6:3 `t` is expanded to more than 10000 variants'],
    ],
    [
      'too many in all',
      `m: { kind: load, source: "x\${matrix.a}", matrix: { a: [${numbers(9000)}] } }
a: { kind: run, model: m }
b: { kind: run, model: m }
c: { kind: run, model: m }
d: { kind: run, model: m }`,
      ['7:3 the recipe is expanded to more than 30000 stages'],
    ],
    [
      'nothing goes together',
      'a: { kind: load, matrix: { source: [x] } }\ns: { kind: calibrate, model: float, dataset: { text: "${matrix.source}" }, matrix: { source: [y] } }\nb: { kind: smoothquant, model: a, stats: s }',
      ['6:3 no variants of the inputs of `b` go together: their matrices give the same key different values'],
    ],
    [
      'unknown variant',
      `${int4}\nr: { kind: run, model: "q[bits=5]" }`,
      ['5:26 `q` has no variant `q[bits=5]`; did you mean `q[bits=4]`?'],
    ],
    [
      'unknown stage of a list',
      't: { kind: table, of: [float, flaot] }',
      ['4:33 unknown stage `flaot`; did you mean `float`?'],
    ],
    [
      'list that is none',
      't: { kind: table, of: float }',
      ['4:25 `of` must be a list of names of stages, got "float"'],
    ],
    [
      'empty list of stages',
      't: { kind: table, of: [] }',
      ['4:25 `of` must be a list of names of stages, got an empty list'],
    ],
    [
      'missing list',
      't: { kind: table }',
      ['4:3 missing parameter `of` of kind table; it is a list of names of stages'],
    ],
    [
      'wrong artifact in a list',
      's: { kind: calibrate, model: float, dataset: { text: t } }\nt: { kind: table, of: [float, s] }',
      ['5:33 `of` needs a report or a model, but `s` is a calibrate stage, which makes stats'],
    ],
    [
      'cycle through a matrix',
      'a: { kind: quantize, rules: [{ match: a }], matrix: { model: [float, b] } }\nb: { kind: quantize, model: a, rules: [{ match: a }] }',
      ['4:72 stages depend on each other in a cycle: a -> b -> a'],
    ],
    [
      'a broken matrix is one mistake',
      'm: { kind: load, source: "${matrix.n}", matrix: { n: [] } }\nr: { kind: run, model: m, threshold: "${matrix.n}" }\nt: { kind: run, model: "m[n=1]" }',
      ['4:56 `matrix.n` must be a list of values, got an empty list'],
    ],
    [
      'what is wrong with many variants is shown with a few',
      `m: { kind: load, source: x, matrix: { layers: [${numbers(100, -200)}] } }`,
      [-200, -199, -198].map(
        (value, index) => `4:${50 + 6 * index} \`layers\` must be a whole number of at least 1, got ${value}`,
      ),
    ],
    [
      'variants that write over each other',
      'm: { kind: load, source: x, matrix: { layers: [1, 2] } }\ne: { kind: export, model: m, to: ./out }',
      ['5:36 `e[layers=1]` and `e[layers=2]` both write to ./out; tell them apart: ./out-${matrix.layers}'],
    ],
  ],
  inRecipe,
);

function numbers(count: number, first = 0): string {
  return Array.from({ length: count }, (_, index) => first + index).join(', ');
}

test.run();
