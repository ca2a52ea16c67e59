import { cpSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { withTemporaryDirectory } from '../support/temporary.js';
import type { BuildDocument } from './support/project.js';
import { statuses } from './support/project.js';
import { quern, quernJson, repository } from './support/quern.js';

/** A copy of the checked-in recipes in an empty project. */
async function withRecipes(use: (directory: string) => Promise<void>): Promise<void> {
  await withTemporaryDirectory(async (directory) => {
    cpSync(join(repository, 'recipes'), join(directory, 'recipes'), { recursive: true });
    writeFileSync(join(directory, 'quern.config.yaml'), '');
    await use(directory);
  });
}

const names = ['float', 'stats', 'smooth', 'int8', 'onnx', 'quality', 'run'];

test('the quickstart builds, stays cached, and reruns only what a change concerns', () =>
  withRecipes(async (directory) => {
    const options = { cwd: directory };
    const recipe = join(directory, 'recipes/quickstart.yaml');
    const build = () => quernJson<BuildDocument>(['build', 'recipes/quickstart.yaml'], options);
    const lock = readFileSync(join(directory, 'recipes/quickstart.lock.json'), 'utf8');
    const all = (status: string) => Object.fromEntries(names.map((name) => [name, status]));

    const first = await build();
    assert.equal(statuses(first), all('built'), JSON.stringify(first.stages.map(({ error }) => error)));
    assert.ok(existsSync(join(directory, 'dist/opt-wren-w8a8/model.onnx')));
    assert.is(readFileSync(join(directory, 'recipes/quickstart.lock.json'), 'utf8'), lock, 'the checked-in lock file');
    const metrics = (name: string) => first.stages.find((stage) => stage.name === name)?.metrics ?? {};
    assert.is(metrics('float').parameters, 4_339_712);
    assert.is(metrics('smooth').groups, 8);
    assert.is(metrics('int8').quantizedNodes, 24);
    assert.is(metrics('int8').keptNodes, 1);
    assert.ok(Number(metrics('smooth').equivalenceError) < 1e-5);
    assert.ok(Number(metrics('quality').perplexityIncrease) < 0.01);
    assert.is(metrics('run').offloadedOperators, 24);
    assert.is(metrics('run').maxLogitError, 0);
    assert.is(metrics('run').top1Agreement, 1);

    assert.equal(statuses(await build()), all('cached'));

    const text = readFileSync(recipe, 'utf8');
    writeFileSync(
      recipe,
      text
        .replace('max: 3%', 'max: 4%')
        .replaceAll('stats', 'statistics')
        .replace('kind: calibrate', 'kind: calibrate # renamed')
        .replace('statistics: statistics', 'stats: statistics'),
    );
    const renamed = await build();
    assert.ok(
      renamed.stages.every(({ status }) => status === 'cached'),
      'after a new gate and another name',
    );

    writeFileSync(recipe, text.replace('alpha: 0.5', 'alpha: 0.6'));
    assert.equal(statuses(await build()), { ...all('built'), float: 'cached', stats: 'cached' });

    writeFileSync(recipe, text.replace('max: 3%', 'max: -50%'));
    assert.is((await quern(['build', 'recipes/quickstart.yaml'], options)).code, 3);
  }));

test.run();
