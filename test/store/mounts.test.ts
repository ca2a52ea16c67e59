import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { basename, join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Store } from '../../src/store/store.js';
import { withTemporaryDirectory } from '../support/temporary.js';
import { withActor } from './support/processes.js';

/** Two mounts of one network file system, for example `/mnt/a:/mnt/b`: as two hosts have it. */
const networkMounts = process.env.QUERN_NETWORK_MOUNTS;
if (networkMounts === undefined) {
  console.log('SKIP no network file system: name two mounts of one in QUERN_NETWORK_MOUNTS, like /mnt/a:/mnt/b');
}

/**
 * Calls `use` with one directory at two places: in the mounts of a network file system, or mounted twice here. Says why if
 * neither is possible.
 */
async function withTwoMounts(use: (one: string, other: string) => Promise<void>): Promise<void> {
  const [mount, otherMount] = networkMounts?.split(':') ?? [];
  if (mount !== undefined && otherMount !== undefined) {
    const directory = mkdtempSync(join(mount, 'quern-test-'));
    try {
      await use(directory, join(otherMount, basename(directory)));
    } finally {
      rmSync(directory, { recursive: true, force: true });
    }
    return;
  }
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
