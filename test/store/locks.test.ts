import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { Lock, LockHolder } from '../../src/store/locks.js';
import { describeHolder, Locks } from '../../src/store/locks.js';
import { runActor, withActor } from './support/processes.js';
import { withStore } from './support/temporary-store.js';

function required(lock: Lock | undefined): Lock {
  if (lock === undefined) throw new Error('the lock is busy');
  return lock;
}

test('an exclusive lock excludes everybody, within a process too, until it is released', async () => {
  await withStore(async ({ locks }) => {
    const lock = required(locks.tryAcquire('name', 'exclusive'));
    assert.is(locks.tryAcquire('name', 'exclusive'), undefined);
    assert.is(locks.tryAcquire('name', 'shared'), undefined);
    required(locks.tryAcquire('another', 'exclusive')).release();
    lock.release();
    required(locks.tryAcquire('name', 'exclusive')).release();
  });
});

test('shared locks exclude only exclusive ones', async () => {
  await withStore(async ({ locks }) => {
    const one = required(locks.tryAcquire('name', 'shared'));
    const other = required(locks.tryAcquire('name', 'shared'));
    one.release();
    assert.is(locks.tryAcquire('name', 'exclusive'), undefined);
    other.release();
    required(locks.tryAcquire('name', 'exclusive')).release();
  });
});

test('releasing twice does not release the lock of the next holder', async () => {
  await withStore(async ({ locks }) => {
    const first = required(locks.tryAcquire('name', 'exclusive'));
    first.release();
    const second = required(locks.tryAcquire('name', 'exclusive'));
    first.release();
    assert.is(locks.tryAcquire('name', 'exclusive'), undefined);
    second.release();
  });
});

test('a lock file that somebody removes by hand is noticed', async () => {
  await withStore(async ({ locks, layout }) => {
    const orphaned = required(locks.tryAcquire('name', 'exclusive'));
    rmSync(layout.lock('name'));
    const lock = required(locks.tryAcquire('name', 'exclusive'));
    orphaned.release();
    assert.is(locks.tryAcquire('name', 'exclusive'), undefined, 'the lock of the second holder is gone');
    lock.release();
  });
});

test('an exclusive lock leaves no file behind, and a left one has no effect', async () => {
  await withStore(async ({ locks, layout }) => {
    required(locks.tryAcquire('name', 'exclusive')).release();
    assert.not(existsSync(layout.lock('name')));
    writeFileSync(layout.lock('name'), '{"pid":1,"host":"dead"');
    assert.is(locks.holder('name'), undefined);
    required(locks.tryAcquire('name', 'exclusive')).release();
    rmSync(layout.locks, { recursive: true });
    required(locks.tryAcquire('name', 'exclusive')).release();
  });
});

test('who waits is told who holds the lock, once', async () => {
  await withStore(async ({ locks }) => {
    const lock = required(locks.tryAcquire('name', 'exclusive', 'building int8'));
    const holders: (LockHolder | undefined)[] = [];
    const waited = locks.acquire('name', 'exclusive', {
      onWait: (holder) => {
        holders.push(holder);
        lock.release();
      },
    });
    (await waited).release();
    assert.equal(holders, [{ pid: process.pid, host: hostname(), purpose: 'building int8' }]);
    assert.is(describeHolder(holders[0]), `held by pid ${process.pid} on ${hostname()}`);
    assert.is(describeHolder(undefined), 'held by another process');
    let calls = 0;
    (await locks.acquire('name', 'shared', { onWait: () => calls++ })).release();
    assert.is(calls, 0, 'the lock was free');
  });
});

test('however often a lock is asked for, its holder is told once', async () => {
  await withStore(async ({ locks, layout }) => {
    const lock = required(locks.tryAcquire('name', 'exclusive'));
    class ReleasingLocks extends Locks {
      attempts = 0;
      override tryAcquire(...args: Parameters<Locks['tryAcquire']>): Lock | undefined {
        this.attempts++;
        if (this.attempts === 4) lock.release();
        return super.tryAcquire(...args);
      }
    }
    const waiting = new ReleasingLocks(layout);
    let calls = 0;
    (await waiting.acquire('name', 'exclusive', { onWait: () => calls++ })).release();
    assert.is(waiting.attempts, 4);
    assert.is(calls, 1);
  });
});

test('the holder is the present one, however long the text of the one before was', async () => {
  await withStore(async ({ locks }) => {
    const first = required(locks.tryAcquire('name', 'shared', 'x'.repeat(1000)));
    const second = required(locks.tryAcquire('name', 'shared', 'short'));
    assert.is(locks.holder('name')?.purpose, 'short');
    first.release();
    second.release();
  });
});

test('a wait can be cancelled', async () => {
  await withStore(async ({ locks }) => {
    const lock = required(locks.tryAcquire('name', 'exclusive'));
    const controller = new AbortController();
    const options = { signal: controller.signal, onWait: () => controller.abort() };
    const outcome = await locks.acquire('name', 'shared', options).then(
      () => 'acquired',
      (error: unknown) => (error instanceof Error ? error.name : 'unknown'),
    );
    assert.is(outcome, 'AbortError');
    lock.release();
    required(locks.tryAcquire('name', 'exclusive')).release();
  });
});

test('names that are paths are refused', async () => {
  await withStore(async ({ locks }) => {
    for (const name of ['', 'a/b', '../x', 'a\0b', 'x'.repeat(201)]) {
      assert.throws(() => locks.tryAcquire(name, 'exclusive'), /can't be the name of a lock/);
    }
  });
});

for (const mode of ['exclusive', 'shared'] as const) {
  test(`${mode} lock of a process that is killed is free at once`, async () => {
    await withStore(async (store) => {
      await withActor([store.root, 'hold-lock', 'name', mode], async (line, kill, pid) => {
        assert.is(line, 'locked');
        assert.is(store.locks.tryAcquire('name', 'exclusive'), undefined);
        assert.is(store.locks.holder('name')?.pid, pid);
        await kill();
        required(store.locks.tryAcquire('name', 'exclusive')).release();
      });
    });
  });
}

test('processes that race for a lock hold it one at a time', async () => {
  await withStore(async (store, directory) => {
    const file = join(directory, 'counter');
    writeFileSync(file, '0');
    await Promise.all(['300', '300', '300'].map((times) => runActor([store.root, 'count', file, times])));
    assert.is(readFileSync(file, 'utf8'), '900');
    assert.not(existsSync(store.layout.lock('counter')));
  });
});

test.run();
