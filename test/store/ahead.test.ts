import { linkSync, renameSync, rmSync, statSync, truncateSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { HashedAhead } from '../../src/store/ahead.js';
import { digestOfBytes } from '../../src/store/digest.js';
import { identityOf } from '../../src/store/directory-files.js';
import type { Store } from '../../src/store/store.js';
import { publishFilesAsTree, withStore, writeFiles } from './support/temporary-store.js';

const files = { 'weights/a': 'first', 'weights/b': 'second', rest: 'not said to be complete' };

function contentOf(ahead: HashedAhead, path: string): ReturnType<HashedAhead['contentOf']> {
  const stats = statSync(path, { bigint: true });
  return ahead.contentOf(identityOf(stats), Number(stats.size));
}

async function withFiles(use: (store: Store, directory: string, ahead: HashedAhead) => Promise<void>): Promise<void> {
  await withStore(async (store) => {
    const sandbox = store.createSandbox();
    const ahead = store.hashAhead();
    writeFiles(sandbox.directory, files);
    for (const name of ['weights/a', 'weights/b']) ahead.add(join(sandbox.directory, name));
    await ahead.hashed();
    await use(store, sandbox.directory, ahead);
    await ahead.stop();
    await sandbox.dispose();
  });
}

test('files that were hashed ahead give the tree that they would give anyway', () =>
  withFiles(async (store, directory, ahead) => {
    const first = contentOf(ahead, join(directory, 'weights/a'));
    assert.equal(first, { digest: digestOfBytes(Buffer.from('first')), sizeBytes: 5 });
    assert.is(contentOf(ahead, join(directory, 'rest')), undefined);
    const published = await store.publishTree(directory, new Map(), ahead);
    assert.is(published.digest, await publishFilesAsTree(store, files));
  }));

test('another name makes a file no other file', () =>
  withFiles(async (store, directory, ahead) => {
    linkSync(join(directory, 'weights/a'), join(directory, 'linked'));
    rmSync(join(directory, 'weights/a'));
    renameSync(join(directory, 'weights/b'), join(directory, 'renamed'));
    assert.ok(contentOf(ahead, join(directory, 'linked')));
    assert.ok(contentOf(ahead, join(directory, 'renamed')));
    const published = await store.publishTree(directory, new Map(), ahead);
    const same = { linked: 'first', renamed: 'second', rest: files.rest };
    assert.is(published.digest, await publishFilesAsTree(store, same));
  }));

test('a file that came from the store is not read', () =>
  withStore(async (store) => {
    const sandbox = store.createSandbox();
    const known = store.linkTree(await publishFilesAsTree(store, files), join(sandbox.directory, 'in'));
    const ahead = store.hashAhead(known);
    linkSync(join(sandbox.directory, 'in/rest'), join(sandbox.directory, 'linked'));
    ahead.add(join(sandbox.directory, 'linked'));
    await ahead.hashed();
    assert.is(contentOf(ahead, join(sandbox.directory, 'linked')), undefined);
    await ahead.stop();
    await sandbox.dispose();
  }));

test('a file that changes afterwards is read again', () =>
  withFiles(async (store, directory, ahead) => {
    writeFileSync(join(directory, 'weights/a'), 'other');
    utimesSync(join(directory, 'weights/a'), 1, 1);
    const { atime, mtime } = statSync(join(directory, 'weights/b'));
    truncateSync(join(directory, 'weights/b'), 3);
    utimesSync(join(directory, 'weights/b'), atime, mtime);
    const published = await store.publishTree(directory, new Map(), ahead);
    const changed = { ...files, 'weights/a': 'other', 'weights/b': 'sec' };
    assert.is(published.digest, await publishFilesAsTree(store, changed));
    assert.ok(store.hasTree(published.digest));
  }));

test('files that are gone, or are none, are left to publishing', () =>
  withFiles(async (store, directory, ahead) => {
    for (const name of ['gone', 'weights']) ahead.add(join(directory, name));
    await ahead.hashed();
    const published = await store.publishTree(directory, new Map(), ahead);
    assert.is(published.digest, await publishFilesAsTree(store, files));
  }));

test('what is stopped hashes nothing more', () =>
  withFiles(async (_store, directory, ahead) => {
    const stopped = ahead.stop();
    ahead.add(join(directory, 'rest'));
    await stopped;
    await ahead.hashed();
    assert.is(contentOf(ahead, join(directory, 'rest')), undefined);
  }));

test.run();
