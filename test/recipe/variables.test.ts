import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { JsonObject } from '../../src/json.js';
import { parseRecipe, type ResolvedStage } from '../../src/recipe/load.js';
import { parseSetting } from '../../src/recipe/variables.js';
import { check, diagnose } from './diagnose.js';
import { fakeKinds } from './fake-kinds.js';

/** The only stage of a recipe with these variables. */
function stageOf(vars: string, stage: string, set: { readonly [name: string]: string } = {}): ResolvedStage {
  const text = `quern: 1\nvars: ${vars}\nstages: { s: { ${stage} } }\n`;
  const loaded = parseRecipe(text, 'r.yaml', { kinds: fakeKinds, set: new Map(Object.entries(set)) });
  const [first] = loaded.ok ? loaded.recipe.stages : [];
  if (first === undefined) throw new Error(JSON.stringify(loaded));
  return first;
}

const substitutions: readonly (readonly [name: string, vars: string, stage: string, expected: JsonObject])[] = [
  ['a number', '{ n: 2 }', `kind: load, source: x, layers: "\${n}"`, { layers: 2 }],
  ['true or false', '{ keep: true }', `kind: load, source: x, keep: "\${keep}"`, { keep: true }],
  ['spaces inside', '{ n: 2 }', `kind: load, source: x, layers: "\${ n }"`, { layers: 2 }],
  ['part of a text', '{ n: 2, d: a }', `kind: load, source: "\${d}/model-\${n}"`, { source: 'a/model-2' }],
  ['a text that looks like a number', '{ n: "2" }', `kind: load, source: "\${n}"`, { source: '2' }],
  ['escaped', '{ n: 2 }', `kind: load, source: "$\${n}/\${n}"`, { source: `\${n}/2` }],
  ['a dollar alone', '{ n: 2 }', 'kind: load, source: "re:a$|$b"', { source: 're:a$|$b' }],
  ['the kind', '{ k: load }', `kind: "\${k}", source: x`, { source: 'x' }],
  [
    'through other variables',
    `{ a: "\${b}/\${c}", b: "\${c}", c: 1 }`,
    `kind: load, source: "\${a}"`,
    { source: '1/1' },
  ],
  ['an escape is resolved once', `{ a: "$\${b}", b: 1 }`, `kind: load, source: "\${a}"`, { source: `\${b}` }],
];
for (const [name, vars, stage, expected] of substitutions) {
  test(`substitution: ${name}`, () => {
    const { parameters } = stageOf(vars, stage);
    for (const [parameter, value] of Object.entries(expected)) assert.equal(parameters[parameter], value);
  });
}

test('a variable that is a mapping is copied to each place', () => {
  const text = `quern: 1
vars: { rules: [{ match: a }] }
stages:
  m: { kind: load, source: x }
  a: { kind: quantize, model: m, rules: "\${rules}" }
  b: { kind: quantize, model: a, rules: "\${rules}" }
`;
  const loaded = parseRecipe(text, 'r.yaml', { kinds: fakeKinds });
  const [, a, b] = loaded.ok ? loaded.recipe.stages : [];
  assert.equal(a?.parameters, { rules: [{ match: 'a' }] });
  assert.equal(b?.parameters, a?.parameters);
  assert.is.not(b?.parameters.rules, a?.parameters.rules);
});

test('a stage knows which variables its parameters came from', () => {
  const stage = stageOf(`{ a: "\${b}", b: 1, c: 2 }`, `kind: load, source: "\${a}/\${c}", layers: "\${c}"`, { c: '3' });
  assert.is(stage.parameters.source, '1/3');
  assert.equal(
    stage.variables.map(({ pointer, name, location }) => [pointer.join('.'), name, location.line ?? location.file]),
    [
      ['source', 'vars.a', 2],
      ['source', 'vars.c', '--set c=3'],
      ['source', 'vars.b', 2],
      ['layers', 'vars.c', '--set c=3'],
    ],
  );
});

const settingValues: readonly (readonly [text: string, value: unknown])[] = [
  ['0.5', 0.5],
  ['true', true],
  ['"0.5"', '0.5'],
  ['[1, a]', [1, 'a']],
  ['{ npu: stx }', { npu: 'stx' }],
  ['null', null],
  ['', ''],
  ['#1', '#1'],
  ['Note: this', 'Note: this'],
  ['- a', '- a'],
];
for (const [text, value] of settingValues) {
  test(`--set a=${text}`, () => assert.equal(parseSetting(text), { ok: true, value }));
}

check('variables', [
  [
    'unknown in a parameter',
    `vars: { alpha: 1 }\nstages: { s: { kind: load, source: "\${alpah}" } }\nquern: 1\n`,
    ['2:36 unknown variable `alpah`; did you mean `alpha`?'],
  ],
  [
    'unknown in a variable, reported once',
    `vars: { a: "\${c}", b: "\${a}" }\nstages: { s: { kind: load, source: "\${b}" } }\nquern: 1\n`,
    ['1:12 unknown variable `c`'],
  ],
  [
    'cycle, reported once',
    `vars: { a: "\${b}", b: "\${a}" }\nstages: { s: { kind: load, source: "\${b}" } }\nquern: 1\n`,
    ['1:12 variables refer to each other in a cycle: a -> b -> a'],
  ],
  [
    'bad name',
    'vars: { a b: 1 }\nstages: { s: { kind: load, source: x } }\nquern: 1\n',
    ['1:9 `a b` is not a name for a variable; use letters, digits, _ and -'],
  ],
  [
    'no name',
    `stages: { s: { kind: load, source: "x\${}" } }\nquern: 1\n`,
    [`1:36 \`\${}\` does not name a variable; write \`$\${\` for the text \`\${\``],
  ],
  [
    'unclosed',
    `stages: { s: { kind: load, source: "x\${a" } }\nquern: 1\n`,
    [`1:36 \`\${\` does not name a variable; write \`$\${\` for the text \`\${\``],
  ],
  [
    'list in a text',
    `vars: { a: [1] }\nstages: { s: { kind: load, source: "x/\${a}" } }\nquern: 1\n`,
    ['2:36 the variable `a` is a list, which has no place in a text'],
  ],
  [
    'nothing in a text',
    `vars: { a: }\nstages: { s: { kind: load, source: "x/\${a}" } }\nquern: 1\n`,
    ['2:36 the variable `a` is empty, which has no place in a text'],
  ],
  [
    'wrong type, with its origin',
    `vars: { a: two }\nstages: { s: { kind: load, source: x, layers: "\${a}" } }\nquern: 1\n`,
    ['2:47 `layers` must be a whole number of at least 1, got "two"; the value is that of vars.a in line 1'],
  ],
  [
    'inside a list that is a variable',
    `vars: { a: [gram, gramm] }\nstages: { f: { kind: load, source: x }, s: { kind: calibrate, model: f, dataset: { text: x }, collect: "\${a}" } }\nquern: 1\n`,
    ['2:104 `collect[1]` must be one of absmax, gram, got "gramm"; did you mean `gram`?'],
  ],
  ['broken kind', `stages: { s: { kind: "\${a}", sorce: 1 } }\nquern: 1\n`, ['1:22 unknown variable `a`']],
  [
    'broken input',
    `stages: { s: { kind: run, model: "\${a}", treshold: 1 } }\nquern: 1\n`,
    ['1:34 unknown variable `a`', '1:42 unknown parameter `treshold` of kind run; did you mean `threshold`?'],
  ],
  [
    'broken alternative',
    `stages: { f: { kind: load, source: x }, s: { kind: run, model: f, devices: [{ npu: "\${a}" }] } }\nquern: 1\n`,
    ['1:84 unknown variable `a`'],
  ],
  [
    'broken gates',
    `stages: { f: { kind: load, source: x, gates: { a: { max: "\${a}" } } } }\nquern: 1\n`,
    ['1:58 unknown variable `a`'],
  ],
]);

const recipe = `quern: 1\nvars: { alpha: 1, other: 2 }\nstages: { s: { kind: load, source: x, layers: "\${alpha}" } }\n`;
const settings: readonly (readonly [
  name: string,
  set: { readonly [name: string]: string },
  expected: readonly string[],
])[] = [
  ['unknown variable', { alhpa: '2' }, ['--set alhpa=2 the recipe has no variable `alhpa`; did you mean `alpha`?']],
  ['not YAML', { alpha: '[1' }, ['--set alpha=[1 a list in [ ] is not closed']],
  [
    'wrong type',
    { alpha: 'x' },
    ['3:47 `layers` must be a whole number of at least 1, got "x"; the value is that of --set alpha=x'],
  ],
  [
    'unknown reference',
    { alpha: `\${othr}` },
    [`--set alpha=\${othr} unknown variable \`othr\`; did you mean \`other\`?`],
  ],
  [
    'cycle',
    { alpha: `\${other}`, other: `\${alpha}` },
    [`--set alpha=\${other} variables refer to each other in a cycle: alpha -> other -> alpha`],
  ],
  ['twice the same key', { alpha: '{a: 1, a: 2}' }, ['--set alpha={a: 1, a: 2} `a` is given twice']],
];
for (const [name, set, expected] of settings) {
  test(`settings: ${name}`, () => assert.equal(diagnose(recipe, set), expected));
}

test('doubling variables are stopped', () => {
  const doubled = Array.from({ length: 40 }, (_, index) => `  v${index + 1}: ["\${v${index}}", "\${v${index}}"]`);
  const text = `quern: 1\nvars:\n  v0: x\n${doubled.join('\n')}\nstages: { s: { kind: load, source: "\${v40}" } }\n`;
  assert.equal(diagnose(text), ['23:9 the variables of the recipe expand to too much']);
});

test.run();
