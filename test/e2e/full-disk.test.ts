import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { Project } from './support/project.js';
import { statuses, withProject } from './support/project.js';

const pageBytes = 4096;

/** Mounts a file system of its own as the cache of the project, or says why that is not possible. */
async function withCacheOf(project: Project, limit: string, use: () => Promise<void>): Promise<boolean> {
  mkdirSync(project.cache, { recursive: true });
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', limit, 'tmpfs', project.cache], { stdio: 'ignore' });
  } catch {
    console.log('SKIP a small file system can only be mounted by root');
    return false;
  }
  try {
    await use();
    return true;
  } finally {
    execFileSync('umount', [project.cache]);
  }
}

function enlarge(project: Project): void {
  execFileSync('mount', ['-o', 'remount,size=64m,nr_inodes=10000', project.cache]);
}

const stages = {
  one: { steps: [{ write: { 'a/b.txt': 'text '.repeat(2000), 'c.txt': 'c' } }, { log: 'a line' }] },
  two: { first: 'one', steps: [{ gather: 'all' }] },
};

/** Builds with the cache limited. Returns whether the build came through; if not, its failure must be a clean one. */
async function buildWithin(project: Project, limit: string): Promise<boolean | undefined> {
  let hasSucceeded = false;
  const mounted = await withCacheOf(project, limit, async () => {
    const { code, stderr } = await project.quern('build', 'recipe.yaml');
    hasSucceeded = code === 0;
    if (!hasSucceeded) {
      assert.is(code, 1, `${limit}: ${stderr}`);
      assert.match(stderr, /no space is left|the disk is full|no report/, limit);
      assert.not.match(stderr, /internal error|\n {4}at /, `${limit}: ${stderr}`);
    }
    enlarge(project);
    assert.equal(unfinished(project), [], `${limit}: something is left`);
    const again = await project.build('recipe.yaml');
    assert.is(again.status, 'ok', limit);
    if (hasSucceeded) assert.equal(statuses(again), { one: 'cached', two: 'cached' });
    assert.is((await project.quern('cache', 'verify')).code, 0, limit);
  });
  return mounted ? hasSucceeded : undefined;
}

function unfinished(project: Project): string[] {
  const names = readdirSync(project.cache);
  return names.includes('tmp') ? readdirSync(join(project.cache, 'tmp')) : [];
}

test('a build fails cleanly whichever page of its cache is the first that does not fit', () =>
  withProject(async (project) => {
    project.writeProbes('recipe.yaml', stages);
    let failures = 0;
    for (let pages = 1; ; pages += 5) {
      const outcome = await buildWithin(project, `size=${pages * pageBytes}`);
      if (outcome !== false) break;
      failures++;
    }
    console.log(`${failures} sizes that were too small`);
  }));

test('a build fails cleanly whichever file of its cache is the first that can not be made', () =>
  withProject(async (project) => {
    project.writeProbes('recipe.yaml', stages);
    let failures = 0;
    for (let inodes = 4; ; inodes += 9) {
      const outcome = await buildWithin(project, `size=64m,nr_inodes=${inodes}`);
      if (outcome !== false) break;
      failures++;
    }
    console.log(`${failures} numbers of files that were too small`);
  }));

test.run();
