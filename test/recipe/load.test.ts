import { mkdir, truncate, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { loadRecipe, parseRecipe, type Recipe, type ResolvedStage } from '../../src/recipe/load.js';
import { withTemporaryDirectory } from '../support/temporary.js';
import { fakeKinds } from './fake-kinds.js';

const text = `quern: 1
description: A recipe
stages:
  run: { kind: run, model: small, devices: [cpu, { npu: stx }] }
  float:
    kind: load
    source: ./model
  stats: { kind: calibrate, model: float, dataset: { text: ./text.txt } }
  small:
    kind: smoothquant
    model: float
    stats: stats
    gates:
      equivalenceError: { max: 0.01% }
      groups: { equals: 8, min: 1 }
`;

function parse(source: string): Recipe {
  const loaded = parseRecipe(source, 'recipes/r.yaml', { kinds: fakeKinds });
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.diagnostics));
  return loaded.recipe;
}

function stage(recipe: Recipe, name: string): ResolvedStage {
  const found = recipe.stages.find((one) => one.name === name);
  if (found === undefined) throw new Error(`no stage ${name}`);
  return found;
}

test('stages come behind their inputs, otherwise in the order of the file', () => {
  assert.equal(
    parse(text).stages.map((one) => one.name),
    ['float', 'stats', 'small', 'run'],
  );
});

test('a recipe knows its place and description', () => {
  const { file, path, directory, description } = parse(text);
  assert.equal([file, description], ['recipes/r.yaml', 'A recipe']);
  assert.equal([path, directory], [resolve('recipes/r.yaml'), resolve('recipes')]);
  assert.not('description' in parse('quern: 1\nstages: { a: { kind: load, source: x } }'));
});

test('inputs, gates and the kind are kept apart from the parameters', () => {
  const small = stage(parse(text), 'small');
  assert.is(small.kind, fakeKinds.get('smoothquant'));
  assert.equal(small.parameters, { alpha: 0.5 });
  assert.equal(small.inputs, { model: 'float', stats: 'stats' });
  assert.equal(small.gates, [
    { metric: 'equivalenceError', max: 0.0001, text: 'max 0.01%' },
    { metric: 'groups', equals: 8, text: 'equals 8' },
    { metric: 'groups', min: 1, text: 'min 1' },
  ]);
});

test('defaults are filled in', () => {
  assert.equal(stage(parse(text), 'float').parameters, { source: './model', format: 'auto', keep: false });
});

test('parameters can be found again in the text', () => {
  const recipe = parse(text);
  const file = 'recipes/r.yaml';
  assert.equal(stage(recipe, 'float').location, { file, line: 5, column: 3, length: 5 });
  assert.equal(stage(recipe, 'float').locate(['source']), { file, line: 7, column: 13, length: 7 });
  assert.equal(stage(recipe, 'stats').locate(['dataset', 'text']), { file, line: 8, column: 60, length: 10 });
  assert.equal(stage(recipe, 'run').locate(['devices', '1', 'npu']), { file, line: 4, column: 57, length: 3 });
  assert.equal(stage(recipe, 'float').locate(['format']), stage(recipe, 'float').location);
  assert.equal(stage(recipe, 'run').locate(['devices', '7']), stage(recipe, 'run').locate(['devices']));
});

test('aliases stand for what they name, in values and in places', () => {
  const source = `quern: 1
stages:
  a: &base { kind: load, source: x, layers: 3 }
  b: *base
`;
  const recipe = parse(source);
  assert.equal(stage(recipe, 'b').parameters, stage(recipe, 'a').parameters);
  assert.equal(stage(recipe, 'b').locate(['layers']), stage(recipe, 'a').locate(['layers']));
  assert.is(stage(recipe, 'b').location.line, 4);
});

test('stages may have the names of members that every object has', () => {
  const source = `quern: 1
stages:
  __proto__: { kind: load, source: x }
  constructor: { kind: run, model: __proto__ }
`;
  const recipe = parse(source);
  assert.equal(
    recipe.stages.map((one) => one.name),
    ['__proto__', 'constructor'],
  );
  const loaded = parseRecipe('quern: 1\nstages: { s: { kind: run, model: toString } }', 'r', { kinds: fakeKinds });
  assert.is(loaded.ok || loaded.diagnostics[0]?.message, 'unknown stage `toString`');
});

test('Windows line ends and a byte order mark change nothing but the text', async () => {
  await withTemporaryDirectory(async (directory) => {
    const file = join(directory, 'r.yaml');
    await writeFile(file, `\ufeff${text.replaceAll('\n', '\r\n')}`);
    const loaded = await loadRecipe(file, { kinds: fakeKinds });
    assert.ok(loaded.ok);
    assert.is(loaded.recipe.directory, dirname(file));
    assert.equal(
      loaded.recipe.stages.map(({ parameters }) => parameters),
      parse(text).stages.map(({ parameters }) => parameters),
    );
    const place = { file, line: 7, column: 13, length: 7 };
    assert.equal(loaded.recipe.stages[0]?.locate(['source']), place);
  });
});

const unreadable: readonly (readonly [name: string, message: string, make: (file: string) => Promise<unknown>])[] = [
  ['missing', 'there is no such file', async () => {}],
  ['a directory', 'this is a directory, not a recipe', (file) => mkdir(file)],
  ['not UTF-8', 'this is not UTF-8 text', (file) => writeFile(file, Buffer.from([0x61, 0x3a, 0xff]))],
  [
    'too large',
    'too large for a recipe (over 4 MiB)',
    async (file) => {
      await writeFile(file, '');
      await truncate(file, 4 * 1024 * 1024 + 1);
    },
  ],
];
for (const [name, message, make] of unreadable) {
  test(`a file that is ${name} is a diagnostic`, async () => {
    await withTemporaryDirectory(async (directory) => {
      const file = join(directory, 'r.yaml');
      await make(file);
      const loaded = await loadRecipe(file, { kinds: fakeKinds });
      assert.not(loaded.ok);
      if (loaded.ok) return;
      assert.equal(
        loaded.diagnostics.map((one) => [one.severity, one.message, one.location]),
        [['error', message, { file }]],
      );
    });
  });
}

test.run();
