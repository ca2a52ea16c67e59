import { execFileSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Store } from '../../src/store/store.js';
import { withTemporaryDirectory } from '../support/temporary.js';
import { withActor } from './support/processes.js';

/** Calls `use` with one directory mounted at two places, or says why that is not possible. */
async function withTwoMounts(use: (one: string, other: string) => Promise<void>): Promise<void> {
  await withTemporaryDirectory(async (directory) => {
    const [one, other] = [join(directory, 'one'), join(directory, 'other')];
    for (const path of [one, other]) mkdirSync(path);
    try {
      execFileSync('mount', ['--bind', one, other], { stdio: 'ignore' });
    } catch {
      console.log('SKIP a directory can only be mounted twice by root');
      return;
    }
    try {
      await use(one, other);
    } finally {
      execFileSync('umount', [other]);
    }
  });
}

test('a lock taken through one mount holds for a process that uses another one, until its holder dies', async () => {
  await withTwoMounts(async (one, other) => {
    await withActor([one, 'hold-lock', 'name', 'exclusive'], async (line, kill, pid) => {
      assert.is(line, 'locked');
      const { locks } = Store.open(other);
      assert.is(locks.tryAcquire('name', 'shared'), undefined);
      assert.is(locks.holder('name')?.pid, pid);
      await kill();
      const lock = locks.tryAcquire('name', 'exclusive');
      assert.ok(lock);
      lock.release();
    });
  });
});

test('a sweep through one mount leaves the sandbox of a process that uses another one', async () => {
  await withTwoMounts(async (one, other) => {
    await withActor([one, 'hold-sandbox'], async (_, kill) => {
      assert.is(await Store.open(other).sweepSandboxes(), 0);
      await kill();
      assert.is(await Store.open(other).sweepSandboxes(), 1);
    });
  });
});

test.run();
