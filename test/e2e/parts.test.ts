import { chmodSync, readdirSync, readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { Project } from './support/project.js';
import { statuses, withProject } from './support/project.js';
import { fileAppears, says } from './support/quern.js';

const names = ['a', 'b', 'c', 'd'] as const;

/** Steps of four parts, the third of which pauses in the middle until the test makes `go`. */
function steps(): object[] {
  return names.map((name) => ({
    part: { name, text: `text of ${name}`, ...(name === 'c' ? { during: [{ reach: 'here' }, { wait: 'go' }] } : {}) },
  }));
}

/** A build that pauses in the third part. */
async function buildUntilThirdPart(project: Project) {
  project.writeProbes('recipe.yaml', { one: { steps: steps() } });
  const running = project.start('build', 'recipe.yaml');
  await fileAppears(project.signal('here'));
  assert.equal(project.parts, ['a', 'b', 'c']);
  return running;
}

async function finish(project: Project, ...options: string[]): Promise<readonly string[]> {
  const before = project.parts.length;
  writeFileSync(project.signal('go'), '');
  const document = await project.build('recipe.yaml', ...options);
  assert.equal(statuses(document), { one: 'built' });
  const path = (await project.quern('path', 'recipe.yaml', 'one')).stdout.trim();
  for (const name of names) assert.is(readFileSync(join(path, name), 'utf8'), `text of ${name}`);
  assert.equal(readdirSync(join(project.cache, 'tmp')), []);
  return project.parts.slice(before);
}

for (const whom of ['the build', 'the child'] as const) {
  test(`a stage whose ${whom} is killed in the middle goes on with the part it was at`, () =>
    withProject(async (project) => {
      const running = await buildUntilThirdPart(project);
      if (whom === 'the build') running.child.kill('SIGKILL');
      else process.kill(childOf(running.child.pid!), 'SIGKILL');
      await running.ended;
      assert.equal(await finish(project), ['c', 'd']);
      const log = await project.quern('log', 'recipe.yaml', 'one');
      assert.match(log.stdout, /2 of 4 pieces were there already/);
      assert.is((await project.quern('cache', 'verify')).code, 0);
    }));
}

/** The action process of a build: the last that it has started. */
function childOf(pid: number): number {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').map(Number);
  const isAction = (child: number): boolean => readFileSync(`/proc/${child}/cmdline`, 'utf8').includes('exec-action');
  const found = children.filter(isAction);
  return found[0]!;
}

test('a second Ctrl-C kills a stage, and the next build makes what it had not made', () =>
  withProject(async (project) => {
    const running = await buildUntilThirdPart(project);
    running.child.kill('SIGINT');
    await says(running, /interrupt again/);
    running.child.kill('SIGINT');
    assert.is((await running.ended).code, 130);
    assert.equal(await finish(project), ['c', 'd']);
  }));

test('parts are found by stages that differ in something else, and forced stages make them anew', () =>
  withProject(async (project) => {
    writeFileSync(project.signal('go'), '');
    project.writeProbes('recipe.yaml', { one: { steps: steps() } });
    await project.build('recipe.yaml');
    project.writeProbes('recipe.yaml', {
      one: { steps: steps() },
      other: { steps: [...steps(), { part: { name: 'e', text: 'e' } }, { log: 'done' }] },
      below: { first: 'one', steps: [{ part: { name: 'a', text: 'text of a' } }] },
    });
    await project.build('recipe.yaml');
    assert.equal(project.parts.slice(4).sort(), ['a', 'e'], 'another input is another part');
    await project.build('recipe.yaml', '--force=one');
    assert.equal(project.parts.slice(6), [...names]);
    assert.is((await project.quern('check', 'recipe.yaml', 'other')).code, 0);
    assert.equal(project.parts.slice(10), [...names, 'e'], 'a check makes everything');
  }));

test('a part that was damaged or removed is made again', () =>
  withProject(async (project) => {
    const interrupted = await buildUntilThirdPart(project);
    interrupted.child.kill('SIGKILL');
    await interrupted.ended;
    for (const path of blobsOf(project, 'text of a')) {
      chmodSync(path, 0o644);
      truncateSync(path, 3);
    }
    assert.equal(await finish(project), ['a', 'c', 'd']);
    await project.quern('cache', 'gc', '--max-size', '0');
    project.writeProbes('recipe.yaml', { one: { steps: [...steps(), { log: 'again' }] } });
    await project.build('recipe.yaml');
    assert.equal(project.parts.slice(-4), [...names], 'gc has removed parts that no build needs');
  }));

function blobsOf(project: Project, text: string): string[] {
  return readdirSync(join(project.cache, 'blobs'), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((path) => statSync(path).size === text.length && readFileSync(path, 'utf8') === text);
}

test('a gc while a stage runs leaves its parts alone', () =>
  withProject(async (project) => {
    const running = await buildUntilThirdPart(project);
    await project.quern('cache', 'gc', '--max-size', '0', '--pins-only');
    running.child.kill('SIGKILL');
    await running.ended;
    assert.equal(await listed(project), [['probe', 2, false]]);
    assert.equal(await finish(project), ['c', 'd']);
    assert.equal(await listed(project), [['probe', 4, true]]);
    const { kinds } = await project.json<{ kinds: { results: number }[] }>('cache', 'du');
    assert.equal(
      kinds.map(({ results }) => results),
      [1],
    );
    project.writeProbes('recipe.yaml', { one: { steps: [] } });
    assert.match((await project.quern('plan', 'recipe.yaml')).stdout, /probe \(4 pieces\) +build/);
  }));

/** Kind, number of parts and whether it is finished, of each entry of `cache ls`. */
async function listed(project: Project): Promise<readonly (readonly [string, number, boolean])[]> {
  interface Entry {
    readonly kind: string;
    readonly parts: number;
    readonly finishedAt: string | null;
  }
  const { results } = await project.json<{ results: readonly Entry[] }>('cache', 'ls');
  return results.map(({ kind, parts, finishedAt }) => [kind, parts, finishedAt !== null]);
}

test.run();
