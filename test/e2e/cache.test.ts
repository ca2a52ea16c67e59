import { chmodSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { Project } from './support/project.js';
import { statuses, withProject } from './support/project.js';

interface Listing {
  readonly results: readonly { readonly kind: string; readonly key: string; readonly usedBy: readonly object[] }[];
}

async function buildTwoStates(project: Project): Promise<void> {
  for (const text of ['before', 'after']) {
    project.writeProbes('recipe.yaml', { one: { steps: [{ write: { f: text } }] } });
    await project.build('recipe.yaml');
  }
  rmSync(join(project.cache, 'runs'), { recursive: true });
}

test('gc keeps what the recipe needs and removes what it needed before; --dry-run only says so', () =>
  withProject(async (project) => {
    await buildTwoStates(project);
    const planned = await project.json<{ removed: object[] }>('cache', 'gc', '--max-size', '0', '--dry-run');
    assert.is(planned.removed.length, 1);
    assert.is((await project.json<Listing>('cache', 'ls')).results.length, 2);
    const done = await project.json<{ removed: object[]; afterBytes: number }>('cache', 'gc', '--max-size', '0');
    assert.equal(done.removed, planned.removed);
    const { results } = await project.json<Listing>('cache', 'ls');
    assert.equal(
      results.map(({ kind, usedBy }) => [kind, usedBy]),
      [['probe', [{ recipe: join(project.directory, 'recipe.yaml'), stage: 'one' }]]],
    );
    assert.is((await project.json<{ totalBytes: number }>('cache', 'du')).totalBytes, done.afterBytes);
    assert.equal(statuses(await project.build('recipe.yaml')), { one: 'cached' });
  }));

test('what is pinned stays until it is unpinned', () =>
  withProject(async (project) => {
    project.writeProbes('recipe.yaml', { one: {}, two: { first: 'one' } });
    assert.is((await project.quern('cache', 'pin', 'recipe.yaml')).code, 1, 'nothing is built yet');
    await project.build('recipe.yaml');
    await project.quern('cache', 'pin', 'recipe.yaml', 'one');
    assert.is((await project.json<{ pins: object[] }>('cache', 'pin', '--list')).pins.length, 1);
    await project.quern('cache', 'gc', '--max-size', '0', '--pins-only');
    assert.equal(statuses(await project.build('recipe.yaml')), { one: 'cached', two: 'built' });
    await project.quern('cache', 'unpin', 'recipe.yaml');
    await project.quern('cache', 'gc', '--max-size', '0', '--pins-only');
    assert.equal((await project.json<Listing>('cache', 'ls')).results, []);
    assert.is((await project.quern('cache', 'unpin', 'recipe.yaml')).code, 2);
  }));

test('verify finds a changed byte, --repair makes the next build replace it, and so does build --verify', () =>
  withProject(async (project) => {
    project.writeProbes('recipe.yaml', { one: { steps: [{ write: { f: 'content' } }] }, two: { first: 'one' } });
    for (const repair of [
      ['cache', 'verify', '--repair'],
      ['build', 'recipe.yaml', '--verify'],
    ]) {
      await project.build('recipe.yaml');
      damageBlobOf(project, 'content'.length);
      assert.is((await project.quern('cache', 'verify')).code, 1);
      assert.is((await project.quern(...repair)).code, 0);
      assert.is((await project.quern('cache', 'verify')).code, 0);
    }
    assert.is((await project.build('recipe.yaml')).status, 'ok');
  }));

/** Changes a byte of the blobs of this size. */
function damageBlobOf(project: Project, sizeBytes: number): void {
  for (const entry of readdirSync(join(project.cache, 'blobs'), { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    if (!entry.isFile() || entry.name.length !== 64) continue;
    chmodSync(path, 0o644);
    if (readSize(path) === sizeBytes) writeFileSync(path, 'CONTENT');
  }
}

function readSize(path: string): number {
  return statSync(path).size;
}

test('a build that makes the cache too large cleans up after itself', () =>
  withProject(async (project) => {
    const kinds = readFileSync(join(project.directory, 'quern.config.yaml'), 'utf8');
    project.write('quern.config.yaml', `${kinds}cache: { maxSize: 1B }\n`);
    await buildTwoStates(project);
    project.writeProbes('recipe.yaml', { one: { steps: [{ write: { f: 'x'.repeat(100_000) } }] } });
    const { stderr } = await project.quern('build', 'recipe.yaml');
    assert.match(stderr, /cache: freed .* \(\d+ results?\)/);
  }));

test('bounds that can not be understood are refused', () =>
  withProject(async (project) => {
    assert.is((await project.quern('cache', 'gc', '--max-size', 'lots')).code, 2);
    project.write('quern.config.yaml', 'cache: { maxAge: 3 }\n');
    assert.match((await project.quern('cache', 'gc')).stderr, /`cache.maxAge` must be a time such as 30d/);
  }));

test.run();
