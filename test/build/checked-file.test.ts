import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { CheckedFile } from '../../src/build/checked-file.js';
import { loadRecipe } from '../../src/recipe/load.js';
import { builtInKinds } from '../../src/stages/registry.js';
import { Store } from '../../src/store/store.js';
import { withTemporaryDirectory } from '../support/temporary.js';

const recipe = (alpha: string) => `quern: 1
stages:
  float: { kind: load, source: ./model }
  stats: { kind: calibrate, model: float, dataset: { text: ./text.txt } }
  smooth: { kind: smoothquant, model: float, stats: stats, ${alpha} }
`;

/** Loads a recipe with what was checked before, and keeps what was checked now. */
async function load(directory: string, text: string) {
  const path = join(directory, 'recipe.yaml');
  writeFileSync(path, text);
  const { root } = Store.open(join(directory, 'cache'));
  const checked = new CheckedFile(root, path);
  const loaded = await loadRecipe(path, { kinds: builtInKinds, checked });
  if (loaded.ok) checked.write();
  return loaded;
}

test('a recipe is the same whether its parameters were checked now or before', () =>
  withTemporaryDirectory(async (directory) => {
    const parameters = async () => {
      const loaded = await load(directory, recipe('alpha: 0.5'));
      return loaded.ok ? loaded.recipe.stages.map((stage) => stage.parameters) : [];
    };
    const first = await parameters();
    assert.is(first.length, 3);
    assert.equal(first[0], { source: './model', format: 'auto', dtype: 'float32' });
    assert.equal(await parameters(), first);
  }));

test('what is changed is checked', () =>
  withTemporaryDirectory(async (directory) => {
    assert.ok((await load(directory, recipe('alpha: 0.5'))).ok);
    for (const wrong of ['alpha: 2', 'aplha: 0.5']) assert.not.ok((await load(directory, recipe(wrong))).ok);
  }));

test('a damaged file means that everything is checked again', () =>
  withTemporaryDirectory(async (directory) => {
    assert.ok((await load(directory, recipe('alpha: 0.5'))).ok);
    const kept = join(directory, 'cache/checked');
    for (const name of readdirSync(kept)) writeFileSync(join(kept, name), '{"a": 1, ');
    const loaded = await load(directory, recipe('alpha: 0.5'));
    assert.ok(loaded.ok && loaded.recipe.stages[2]?.parameters.alpha === 0.5);
  }));

test.run();
