import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { digestOfBytes } from '../../src/store/digest.js';
import { openLocked, removeLocked } from '../../src/store/locked-file.js';
import { createSandbox, sweepSandboxes } from '../../src/store/sandbox.js';
import { asOrdinaryUser } from './support/ordinary-user.js';
import { runActor, withActor } from './support/processes.js';
import { publishFilesAsTree, withStore, writeFiles } from './support/temporary-store.js';

test('a sandbox is empty, one of its kind, and gone with all it holds when disposed of', async () => {
  await withStore(async (store) => {
    const one = store.createSandbox();
    const other = store.createSandbox();
    assert.is.not(one.directory, other.directory);
    assert.equal(readdirSync(one.directory), []);
    writeFiles(one.directory, { 'a/b/c': 'text' });
    await one.dispose();
    await one.dispose();
    assert.not(existsSync(one.directory));
    assert.ok(existsSync(other.directory));
    await other.dispose();
    assert.equal(readdirSync(store.layout.tmp), []);
  });
});

test('disposing of linked inputs leaves the blobs and their mode alone', async () => {
  await withStore(async (store) => {
    const tree = await publishFilesAsTree(store, { a: 'text' });
    const sandbox = store.createSandbox();
    store.linkTree(tree, join(sandbox.directory, 'in'));
    await sandbox.dispose();
    assert.ok(store.hasTree(tree));
    const blob = store.blobPath(digestOfBytes(Buffer.from('text')));
    assert.is(readFileSync(blob, 'utf8'), 'text');
    assert.is(statSync(blob).mode & 0o777, 0o444);
  });
});

test('a directory that work made read-only is removed too', async () => {
  await withStore(async (store, directory) => {
    chmodSync(directory, 0o755);
    for (const path of [store.root, store.layout.tmp]) chmodSync(path, 0o777);
    await asOrdinaryUser(async () => {
      const sandbox = createSandbox(store.layout);
      writeFiles(sandbox.directory, { 'a/b/c': 'text' });
      chmodSync(join(sandbox.directory, 'a', 'b'), 0o500);
      chmodSync(join(sandbox.directory, 'a'), 0o000);
      await sandbox.dispose();
      assert.equal(readdirSync(store.layout.tmp), []);
    });
  });
});

test('a sweep leaves what belongs to the living, and removes what the dead left', async () => {
  await withStore(async (store) => {
    const mine = store.createSandbox();
    await withActor([store.root, 'hold-sandbox'], async (directory, kill) => {
      assert.is(await store.sweepSandboxes(), 0);
      assert.ok(existsSync(join(directory, 'out', 'half')));
      await kill();
      assert.ok(existsSync(join(directory, 'out', 'half')));
      assert.is(await store.sweepSandboxes(), 1);
    });
    assert.ok(existsSync(mine.directory));
    await mine.dispose();
    assert.equal(readdirSync(store.layout.tmp), []);
  });
});

test('a sweep removes every kind of leftover, and no unfinished file of a living writer', async () => {
  await withStore(async (store) => {
    const { tmp } = store.layout;
    writeFileSync(join(tmp, 'file-of-a-dead-writer'), 'half');
    writeFileSync(join(tmp, 'sandbox-without-directory.lock'), '');
    mkdirSync(join(tmp, 'sandbox-without-lock', 'out'), { recursive: true });
    const living = openLocked(join(tmp, 'file-of-a-living-writer'), 'exclusive');
    assert.is(await store.sweepSandboxes(), 3);
    assert.equal(readdirSync(tmp), ['file-of-a-living-writer']);
    if (living !== undefined) removeLocked(join(tmp, 'file-of-a-living-writer'), living);
    assert.is(await store.sweepSandboxes(), 0);
  });
});

test('a sweep passes over what another user left', async () => {
  await withStore(async (store, directory) => {
    if (process.geteuid?.() !== 0) {
      console.log('SKIP files of another user can only be made by root');
      return;
    }
    chmodSync(directory, 0o755);
    const left = join(store.layout.tmp, 'file-of-root');
    writeFileSync(left, '', { mode: 0o644 });
    assert.is(await asOrdinaryUser(() => sweepSandboxes(store.layout)), 0);
    assert.ok(existsSync(left));
  });
});

test('processes that publish the same things and sweep at once do not disturb each other', async () => {
  await withStore(async (store) => {
    const outputs = await Promise.all(['15', '15', '15'].map((times) => runActor([store.root, 'publish', times])));
    assert.is(new Set(outputs).size, 1);
    assert.is(outputs[0]?.split('\n').filter((line) => line.endsWith(' true')).length, 15);
    assert.is(store.readRecord('e'.repeat(64))?.format, 1);
    assert.equal(readdirSync(store.layout.tmp), []);
    assert.equal(readdirSync(store.layout.quarantine), []);
  });
});

test.run();
