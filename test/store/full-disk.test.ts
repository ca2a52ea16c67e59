import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { systemErrorCode } from '../../src/errors.js';
import { Store } from '../../src/store/store.js';
import { withTemporaryDirectory } from '../support/temporary.js';
import { rejects } from './support/rejects.js';
import { publishFilesAsTree } from './support/temporary-store.js';

/** Calls `use` with a directory on a file system of 1 MiB of its own, or says why that is not possible. */
async function withSmallFileSystem(use: (mounted: string, directory: string) => Promise<void>): Promise<void> {
  await withTemporaryDirectory(async (directory) => {
    const mounted = join(directory, 'small');
    mkdirSync(mounted);
    try {
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', mounted], { stdio: 'ignore' });
    } catch {
      console.log('SKIP a small file system can only be mounted by root');
      return;
    }
    try {
      await use(mounted, directory);
    } finally {
      execFileSync('umount', [mounted]);
    }
  });
}

function fill(path: string): void {
  try {
    for (let count = 0; ; count++) writeFileSync(join(path, `filler-${count}`), Buffer.alloc(16 << 10));
  } catch (error) {
    assert.is(systemErrorCode(error), 'ENOSPC');
  }
}

test('a full disk is named, leaves nothing unfinished, and harms nothing that is stored', async () => {
  await withSmallFileSystem(async (mounted) => {
    const store = Store.open(join(mounted, 'store'));
    const tree = await publishFilesAsTree(store, { a: 'text' });
    store.writeRecord({ format: 1, key: 'a'.repeat(64), artifact: tree });
    fill(mounted);
    const large = 'x'.repeat(64 << 10);
    const message = /can't write to .*small\/store: no space is left/;
    await rejects(() => store.publishBytes(Buffer.from(large)), 'cache', message);
    await rejects(() => store.writeRecord({ format: 1, key: 'a'.repeat(64), large }), 'cache', message);
    assert.equal(readdirSync(store.layout.tmp), []);
    assert.is(store.readRecord('a'.repeat(64))?.artifact, tree);
    assert.ok(store.hasTree(tree));
  });
});

test('an export to a full disk leaves the old one', async () => {
  await withSmallFileSystem(async (mounted, directory) => {
    const store = Store.open(join(directory, 'store'));
    const old = await publishFilesAsTree(store, { a: 'text' });
    const target = join(mounted, 'out');
    await store.copyTree(old, target);
    const large = await publishFilesAsTree(store, { a: 'x'.repeat(2 << 20) });
    await rejects(() => store.copyTree(large, target), 'stage', /can't write to .*small: no space is left/);
    assert.ok(store.exportIsCurrent(target, old));
    assert.equal(readdirSync(mounted), ['out']);
  });
});

test.run();
