import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { renderDiagnostics } from '../../src/recipe/frame.js';
import { type LoadedRecipe, loadRecipe, type Recipe, type ResolvedStage } from '../../src/recipe/load.js';
import { withTemporaryDirectory } from '../support/temporary.js';
import { fakeKinds } from './fake-kinds.js';

type Files = { readonly [path: string]: string };

/** Writes files and loads `r.yaml` of them. Each starts with the version of the language. */
function withFiles<T>(
  files: Files,
  use: (loaded: LoadedRecipe, directory: string) => T,
  set: { readonly [name: string]: string } = {},
): Promise<T> {
  return withTemporaryDirectory(async (directory) => {
    for (const [path, text] of Object.entries(files)) {
      mkdirSync(dirname(join(directory, path)), { recursive: true });
      writeFileSync(join(directory, path), `quern: 1\n${text}`);
    }
    return use(
      await loadRecipe(join(directory, 'r.yaml'), { kinds: fakeKinds, set: new Map(Object.entries(set)) }),
      directory,
    );
  });
}

function withRecipe(files: Files, use: (recipe: Recipe, directory: string) => void, set = {}): Promise<void> {
  return withFiles(
    files,
    (loaded, directory) => {
      if (!loaded.ok) throw new Error(JSON.stringify(loaded.diagnostics));
      use(loaded.recipe, directory);
    },
    set,
  );
}

function stage(recipe: Recipe, name: string): ResolvedStage {
  const found = recipe.stages.find((one) => one.name === name);
  if (found === undefined) throw new Error(`no stage ${name}`);
  return found;
}

const base = `vars: { layers: 2, source: ./model }
stages:
  float: { kind: load, source: "\${source}", layers: "\${layers}", keep: true }
  run: { kind: run, model: float, devices: [cpu], threshold: 3, gates: { a: { max: 1 } } }
`;

test('a recipe changes variables, parameters and stages of its base', () =>
  withRecipe(
    {
      'b.yaml': base,
      'r.yaml':
        'extends: ./b.yaml\nvars: { layers: 5 }\nstages:\n  run: { threshold: 4 }\n  more: { kind: load, source: y }\n',
    },
    (recipe) => {
      assert.equal(
        recipe.stages.map(({ name }) => name),
        ['float', 'run', 'more'],
      );
      assert.equal(stage(recipe, 'float').parameters, { source: './model', layers: 5, keep: true, format: 'auto' });
      assert.equal(stage(recipe, 'run').parameters, { devices: ['cpu'], threshold: 4 });
      assert.equal(stage(recipe, 'run').inputs, { model: 'float' });
      assert.is(stage(recipe, 'run').gates.length, 1);
    },
  ));

test('a parameter is replaced as a whole, and null takes a parameter or a stage away', () =>
  withRecipe(
    {
      'b.yaml': `${base}  other: { kind: load, source: z }\n`,
      'r.yaml':
        'extends: [./b.yaml]\nstages: { other: null, run: { devices: [{ npu: stx }], threshold: null, gates: } }\n',
    },
    (recipe) => {
      assert.equal(
        recipe.stages.map(({ name }) => name),
        ['float', 'run'],
      );
      assert.equal(stage(recipe, 'run').parameters, { devices: [{ npu: 'stx' }] });
      assert.equal(stage(recipe, 'run').gates, []);
    },
  ));

test('of several bases the later has precedence, and bases have bases', () =>
  withRecipe(
    {
      'a.yaml': 'stages: { float: { kind: load, source: a, layers: 1 } }\n',
      'deep/b.yaml': 'extends: ../a.yaml\nstages: { float: { layers: 2 } }\n',
      'c.yaml': 'stages: { float: { kind: load, source: c } }\n',
      'r.yaml': 'extends: [./deep/b.yaml, ./c.yaml]\n',
    },
    (recipe) => {
      const { source, layers } = stage(recipe, 'float').parameters;
      assert.equal([source, layers], ['c', 2]);
    },
  ));

test('relative paths start at the file in which they stand', () =>
  withRecipe(
    {
      'deep/b.yaml': `vars: { data: ./data, mine: ./x, listed: { text: ./t.txt } }
defaults: { calibrate: { dataset: { text: ./default.txt } } }
stages:
  plain: { kind: load, source: ./model }
  begun: { kind: load, source: "\${data}/model" }
  inside: { kind: load, source: "./\${data}" }
  override: { kind: load, source: "\${mine}/model" }
  changed: { kind: load, source: ./old }
  stats: { kind: calibrate, model: plain }
  listed: { kind: calibrate, model: plain, dataset: "\${listed}" }
  many: { kind: load, matrix: { source: [./a] } }
`,
      'r.yaml': 'extends: ./deep/b.yaml\nvars: { mine: ./y }\nstages:\n  changed: { source: ./new }\n',
    },
    (recipe, directory) => {
      const bases = recipe.stages.map((one) => [
        one.family,
        one.baseDirectory(one.kind.name === 'load' ? ['source'] : ['dataset', 'text']),
      ]);
      const deep = join(directory, 'deep');
      assert.equal(Object.fromEntries(bases), {
        plain: deep,
        begun: deep,
        inside: deep,
        override: directory,
        changed: directory,
        stats: deep,
        listed: deep,
        many: deep,
      });
    },
  ));

test('a path given on the command line starts at the recipe', () =>
  withRecipe(
    { 'deep/b.yaml': base, 'r.yaml': 'extends: ./deep/b.yaml\n' },
    (recipe, directory) => assert.is(stage(recipe, 'float').baseDirectory(['source']), directory),
    { source: './other' },
  ));

test('values are located in the file in which they stand', () =>
  withRecipe(
    { 'b.yaml': base, 'r.yaml': 'extends: ./b.yaml\nvars: { layers: 5 }\nstages:\n  run: { threshold: 4 }\n' },
    (recipe, directory) => {
      const place = (name: string, ...pointer: string[]): string => {
        const { file, line, column } = stage(recipe, name).locate(pointer);
        return `${file.slice(directory.length + 1)}:${line}:${column}`;
      };
      assert.is(place('run', 'threshold'), 'r.yaml:5:21');
      assert.is(place('run', 'devices', '0'), 'b.yaml:5:45');
      const [layers] = stage(recipe, 'float').variables.filter(({ name }) => name === 'vars.layers');
      assert.equal([layers?.location.file, layers?.location.line], [join(directory, 'r.yaml'), 3]);
    },
  ));

test('included stages can be named, and two files may include the same one', () =>
  withRecipe(
    {
      'shared.yaml': 'vars: { m: x }\nstages: { float: { kind: load, source: "${m}" } }\n',
      'one.yaml': 'include: ./shared.yaml\nstages: { a: { kind: run, model: float } }\n',
      'two.yaml': 'include: ./shared.yaml\nstages: { b: { kind: run, model: float } }\n',
      'r.yaml': 'include: [./one.yaml, ./two.yaml]\nstages: { c: { kind: run, model: float } }\n',
    },
    (recipe) => assert.equal(recipe.stages.map(({ name }) => name).sort(), ['a', 'b', 'c', 'float']),
  ));

test('defaults are for the stages of a kind that do not give the parameter', () =>
  withRecipe(
    {
      'r.yaml': `defaults: { run: { threshold: 2, devices: [cpu] }, load: { source: x } }
stages:
  float: { kind: load }
  a: { kind: run, model: float }
  b: { kind: run, model: float, threshold: 3, devices: null }
  c: { kind: run, model: float, matrix: { threshold: [7] } }
`,
    },
    (recipe) => {
      assert.is(stage(recipe, 'float').parameters.source, 'x');
      assert.equal(stage(recipe, 'a').parameters, { threshold: 2, devices: ['cpu'] });
      assert.equal(stage(recipe, 'b').parameters, { threshold: 3 });
      assert.equal(stage(recipe, 'c[threshold=7]').parameters, { threshold: 7, devices: ['cpu'] });
      assert.is(stage(recipe, 'a').locate(['threshold']).line, 2);
    },
  ));

test('a default does not bring back what is taken away from a base', () =>
  withRecipe(
    {
      'b.yaml': `defaults: { run: { threshold: 9 } }\n${base}`,
      'r.yaml': 'extends: ./b.yaml\nstages: { run: { threshold: null } }\n',
    },
    (recipe) => assert.equal(stage(recipe, 'run').parameters, { devices: ['cpu'] }),
  ));

test('a matrix of a base is expanded, with values from the recipe', () =>
  withRecipe(
    {
      'b.yaml': 'vars: { all: [1, 2] }\nstages: { m: { kind: load, source: x, matrix: { layers: "${all}" } } }\n',
      'r.yaml': 'extends: ./b.yaml\nvars: { all: [3] }\nstages: { m: { keep: true } }\n',
    },
    (recipe) =>
      assert.equal(stage(recipe, 'm[layers=3]').parameters, { source: 'x', layers: 3, keep: true, format: 'auto' }),
  ));

interface Case {
  readonly name: string;
  readonly files: Files;
  /** Each `file:line:column message; suggestion`. */
  readonly says: readonly string[];
}

const shared = 'stages: { float: { kind: load, source: x } }\n';

const cases: readonly Case[] = [
  {
    name: 'a base that is missing',
    files: { 'r.yaml': 'extends: ./nowhere.yaml\nstages: { r: { kind: run, model: float } }\n' },
    says: ['r.yaml:2:10 ./nowhere.yaml: there is no such file; the path starts at the directory of r.yaml'],
  },
  {
    name: 'a base that is a directory',
    files: { 'r.yaml': 'extends: [.]\n' },
    says: ['r.yaml:2:11 .: this is a directory, not a recipe; the path starts at the directory of r.yaml'],
  },
  {
    name: 'no path',
    files: { 'r.yaml': 'include: [3]\nextends: {}\nstages: { a: { kind: load, source: x } }\n' },
    says: [
      'r.yaml:2:11 `include` must be the path of a recipe file or a list of them, got 3; for example ./base.yaml',
      'r.yaml:3:10 `extends` must be the path of a recipe file or a list of them, got an empty mapping; for example ./base.yaml',
    ],
  },
  {
    name: 'a cycle, reported where it closes',
    files: { 'r.yaml': 'extends: ./b.yaml\n', 'b.yaml': 'include: ./c.yaml\n', 'c.yaml': 'extends: ./b.yaml\n' },
    says: ['c.yaml:2:10 recipe files build on each other in a cycle: b.yaml -> c.yaml -> b.yaml'],
  },
  {
    name: 'a recipe that extends itself',
    files: { 'r.yaml': `extends: ./r.yaml\n${shared}` },
    says: ['r.yaml:2:10 recipe files build on each other in a cycle: r.yaml -> r.yaml'],
  },
  {
    name: 'syntax errors of a base, and nothing that follows from them',
    files: { 'r.yaml': 'extends: ./b.yaml\nstages: { r: { kind: run, model: float } }\n', 'b.yaml': 'stages: [\n' },
    says: ['b.yaml:2:9 a list in [ ] is not closed'],
  },
  {
    name: 'mistakes in several files, by file',
    files: {
      'r.yaml': 'extends: ./b.yaml\nstages: { r: { kind: run, model: flaot } }\n',
      'b.yaml': 'stages: { float: { kind: load, source: x, layers: 0 } }\nstage: 3\n',
    },
    says: [
      'r.yaml:3:34 unknown stage `flaot`; did you mean `float`?',
      'b.yaml:2:51 `layers` must be a whole number of at least 1, got 0',
      'b.yaml:3:1 unknown key `stage`; did you mean `stages`?',
    ],
  },
  {
    name: 'a value of the base that a variable of the recipe makes wrong',
    files: { 'r.yaml': 'extends: ./b.yaml\nvars: { layers: x }\n', 'b.yaml': base },
    says: [
      'b.yaml:4:53 `layers` must be a whole number of at least 1, got "x"; the value is that of vars.layers in r.yaml:3',
    ],
  },
  {
    name: 'no stages in any file',
    files: { 'r.yaml': 'extends: ./b.yaml\n', 'b.yaml': 'vars: { a: 1 }\n' },
    says: ['r.yaml:1:1 the recipe has no stages'],
  },
  {
    name: 'null for a stage that no base has',
    files: { 'r.yaml': 'extends: ./b.yaml\nstages: { flaot: null }\n', 'b.yaml': shared },
    says: ['r.yaml:3:18 the stage `flaot` must be a mapping, got nothing; for example { kind: load, source: ./model }'],
  },
  {
    name: 'an included stage that exists already',
    files: { 'r.yaml': `include: ./b.yaml\n${shared}`, 'b.yaml': shared },
    says: [
      'r.yaml:2:10 ./b.yaml brings a stage `float`, which exists already; the other one is in r.yaml:3; `extends` is the way to replace it',
    ],
  },
  {
    name: 'an included variable and default that exist already',
    files: {
      'r.yaml': `include: [./b.yaml, ./c.yaml]\n${shared}`,
      'b.yaml': 'vars: { a: 1 }\ndefaults: { run: { threshold: 1 } }\n',
      'c.yaml': 'vars: { a: 2 }\ndefaults: { run: { threshold: 1 } }\n',
    },
    says: [
      'r.yaml:2:21 ./c.yaml brings a variable `a`, which exists already; the other one is in b.yaml:2; `extends` is the way to replace it',
      'r.yaml:2:21 ./c.yaml brings a default for `threshold` of run, which exists already; the other one is in b.yaml:3; `extends` is the way to replace it',
    ],
  },
  {
    name: 'wrong defaults',
    files: { 'r.yaml': `defaults: { rum: { threshold: 1 }, load: { kind: run, layers: 0 }, run: 3 }\n${shared}` },
    says: [
      'r.yaml:2:13 unknown kind `rum`; did you mean `run`?',
      "r.yaml:2:44 `kind` can't have a default",
      'r.yaml:2:63 `layers` must be a whole number of at least 1, got 0',
      'r.yaml:2:73 the defaults of `run` must be a mapping from parameters to values, got 3',
    ],
  },
];

for (const { name, files, says } of cases) {
  test(`files: ${name}`, () =>
    withFiles(files, (loaded, directory) => {
      const found = loaded.ok
        ? []
        : loaded.diagnostics.map(({ location: { file, line, column }, message, suggestion }) =>
            `${file}:${line}:${column} ${message}${suggestion === undefined ? '' : `; ${suggestion}`}`.replaceAll(
              `${directory}/`,
              '',
            ),
          );
      assert.equal(found, says);
    }));
}

test('a diagnostic shows the lines of its own file', () =>
  withFiles(
    { 'r.yaml': 'extends: ./b.yaml\n', 'b.yaml': 'stages: { float: { kind: lood, source: x } }\n' },
    (loaded, directory) => {
      if (loaded.ok) throw new Error('it has a mistake');
      assert.is(
        renderDiagnostics(loaded.diagnostics, loaded.texts).replaceAll(`${directory}/`, ''),
        `b.yaml:2:26 error: unknown kind \`lood\`
   1 | quern: 1
>  2 | stages: { float: { kind: lood, source: x } }
     |                          ^^^^ did you mean \`load\`?
1 error.`,
      );
    },
  ));

test('a long chain of files is refused', () => {
  const files = Object.fromEntries(
    Array.from({ length: 60 }, (_, index) => [`${index}.yaml`, `extends: ./${index + 1}.yaml\n`]),
  );
  return withFiles({ ...files, 'r.yaml': 'extends: ./0.yaml\n' }, (loaded) => {
    assert.match(loaded.ok ? '' : (loaded.diagnostics[0]?.message ?? ''), /more than 50 levels deep/);
  });
});

test.run();
