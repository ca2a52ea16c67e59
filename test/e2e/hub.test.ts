import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { commit, type FakeHub, sha256Of, withFakeHub } from '../hub/fake-hub.js';
import { writeTinyOpt } from '../support/tiny-opt.js';
import type { Project } from './support/project.js';
import { statuses, withProject } from './support/project.js';

const texts = readFileSync(join(import.meta.dirname, '../text/golden/texts.snappy.parquet'));

/** A project, and a hub with a tiny OPT and a data set, both as `org/model`. */
function withHub(use: (project: Project, hub: FakeHub) => Promise<void>): Promise<void> {
  return withProject((project) => {
    const model = writeTinyOpt(join(project.directory, 'model'));
    const contents = Object.fromEntries(readdirSync(model).map((name) => [name, readFileSync(join(model, name))]));
    return withFakeHub({ ...contents, 'default/test/0000.parquet': texts }, async (hub) => {
      process.env.HF_ENDPOINT = hub.endpoint;
      process.env.HF_HOME = join(project.directory, 'huggingface');
      process.env.XDG_CACHE_HOME = join(project.directory, 'home-cache');
      await use(project, hub);
    });
  });
}

function writeRecipe(project: Project, stages: object): void {
  project.write('recipe.yaml', JSON.stringify({ quern: 1, stages }));
}

const float = { kind: 'load', source: 'hf:org/model@main' };
const stats = { kind: 'calibrate', model: 'float', dataset: { hub: 'org/model', length: 16, windows: 4 } };

function lockOf(project: Project): { readonly sources: { readonly [name: string]: string } } {
  return JSON.parse(readFileSync(join(project.directory, 'recipe.lock.json'), 'utf8'));
}

test('a model and a data set of the hub are built, and the lock file says which commits', () =>
  withHub(async (project, hub) => {
    writeRecipe(project, { float, stats });
    const plan = await project.quern('plan', 'recipe.yaml');
    assert.match(plan.stdout, /float +load +download and build +float waits for hf:org\/model@0123.*, which would be/);
    assert.match(plan.stdout, /which would be downloaded: \d+\.\d KiB/);
    assert.match((await project.quern('status', 'recipe.yaml')).stdout, /float +load +waits +hf:org\/model@/);
    assert.match((await project.quern('why', 'recipe.yaml', 'float')).stdout, /would be downloaded/);
    assert.not(hub.seen.some(({ path }) => path.includes('/resolve/')));

    assert.equal(statuses(await project.build('recipe.yaml')), { float: 'built', stats: 'built' });
    const { sources } = lockOf(project);
    assert.match(sources['float.source'] ?? '', new RegExp(`^hf:org/model@${commit} sha256:[0-9a-f]{64}$`));
    assert.match(sources['stats.dataset.hub'] ?? '', new RegExp(`^hf:datasets/org/model@${commit} sha256:`));
    assert.equal(statuses(await project.build('recipe.yaml')), { float: 'cached', stats: 'cached' });
    assert.is((await project.quern('build', 'recipe.yaml', '--frozen')).code, 0);
  }));

test('a pinned commit that is here needs no network, and no network means what is here', () =>
  withHub(async (project, hub) => {
    writeRecipe(project, { float: { ...float, source: `hf:org/model@${commit}` } });
    const offline = await project.quern('build', 'recipe.yaml', '--offline');
    assert.is(offline.code, 2);
    assert.match(offline.stderr, /recipe\.yaml:1:\d+ error: hf:org\/model@0123.* is not on this machine/);
    assert.equal(statuses(await project.build('recipe.yaml')), { float: 'built' });
    hub.seen.length = 0;
    assert.equal(statuses(await project.build('recipe.yaml')), { float: 'cached' });
    assert.is(hub.seen.length, 0);
    writeRecipe(project, { float });
    assert.equal(statuses(await project.build('recipe.yaml', '--offline')), { float: 'cached' });
    assert.is((await project.quern('build', 'recipe.yaml', '--offline', '--frozen')).code, 0);
    assert.is(hub.seen.length, 0);
  }));

test('a file of a server is known by its sha256', () =>
  withHub(async (project, hub) => {
    const url = `url:${hub.endpoint}/cdn/default/test/0000.parquet`;
    const dataset = { parquet: url, length: 16, windows: 4 };
    writeRecipe(project, { float, stats: { ...stats, dataset } });
    const without = await project.quern('build', 'recipe.yaml');
    assert.is(without.code, 2);
    assert.match(without.stderr, /has no `sha256` beside it/);
    writeRecipe(project, { float, stats: { ...stats, dataset: { ...dataset, sha256: sha256Of(texts) } } });
    assert.equal(statuses(await project.build('recipe.yaml')), { float: 'built', stats: 'built' });
  }));

test('what can not be had is told before anything runs, all at once, where it stands', () =>
  withHub(async (project) => {
    writeRecipe(project, {
      float,
      missing: { kind: 'load', source: 'hf:org/none' },
      other: { kind: 'load', source: 'hf:org/model@v9' },
    });
    const outcome = await project.quern('build', 'recipe.yaml');
    assert.is(outcome.code, 2);
    assert.match(outcome.stderr, /error: org\/none on .* does not exist, or is not public/);
    assert.match(outcome.stderr, /error: org\/model on .* has no revision "v9"/);
    assert.match(outcome.stderr, /2 errors\./);
    writeRecipe(project, { float: { kind: 'load', source: 'hf:org' } });
    assert.match((await project.quern('build', 'recipe.yaml')).stderr, /hf:org is a|hf:org .*|org on/);
  }));

test('a model of the hub is run by its name, and again without a network', () =>
  withHub(async (project) => {
    const call = ['generate', `hf:org/model@${commit}`, '--prompt', 'The', '--max-tokens', '2'];
    const absent = await project.quern(...call, '--offline');
    assert.is(absent.code, 2, absent.stderr);
    assert.match(absent.stderr, /^error: hf:org\/model@0123.* is not on this machine/);
    const first = await project.quern(...call);
    assert.is(first.code, 0, first.stderr);
    assert.is((await project.quern(...call, '--offline')).stdout, first.stdout);
  }));

test.run();
