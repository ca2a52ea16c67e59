import { linkSync, mkdirSync, readdirSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { assert as check, property, string, uniqueArray } from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { Json } from '../../src/json.js';
import { canonicalJson } from '../../src/json.js';
import { writeStoreFile } from '../../src/store/atomic.js';
import type { Digest } from '../../src/store/digest.js';
import { digestOfBytes } from '../../src/store/digest.js';
import { identityOf } from '../../src/store/directory-files.js';
import type { Store } from '../../src/store/store.js';
import { parseTree, treeText } from '../../src/store/tree.js';
import { comparePaths, isTreePath } from '../../src/store/tree-path.js';
import { rejects } from './support/rejects.js';
import { publishFilesAsTree, withStore, writeFiles } from './support/temporary-store.js';

const digest = digestOfBytes(Buffer.from('x'));
const entry = (path: string): { path: string; sizeBytes: number; digest: Digest } => ({ path, sizeBytes: 1, digest });

test('a directory becomes a sorted tree with a digest that depends on names and contents alone', async () => {
  await withStore(async (store) => {
    const files = { 'weights/b': 'B', 'weights/a': 'A', 'model.onnx': 'graph', '\u{FF5E}': 'x', '\u{1F600}': 'x' };
    const sandbox = store.createSandbox();
    writeFiles(sandbox.directory, files);
    mkdirSync(join(sandbox.directory, 'empty'));
    const published = await store.publishTree(sandbox.directory);
    assert.is(published.sizeBytes, 9);
    assert.is(published.newBytes, 8, 'the two files with x are one blob');
    const tree = store.readTree(published.digest);
    // In UTF-16 the last two would be the other way round.
    assert.equal(
      tree?.entries.map(({ path }) => path),
      ['model.onnx', 'weights/a', 'weights/b', '\u{FF5E}', '\u{1F600}'],
    );
    assert.ok(store.hasTree(published.digest));
    const reversed = Object.fromEntries(Object.entries(files).reverse());
    assert.is(await publishFilesAsTree(store, reversed), published.digest);
    assert.is.not(await publishFilesAsTree(store, { ...files, 'weights/a': 'B' }), published.digest);
  });
});

test('a tree shares the blobs that another one has', async () => {
  await withStore(async (store) => {
    await publishFilesAsTree(store, { a: 'unchanged', b: 'before' });
    const sandbox = store.createSandbox();
    writeFiles(sandbox.directory, { a: 'unchanged', b: 'after!!' });
    assert.is((await store.publishTree(sandbox.directory)).newBytes, 7);
  });
});

test('an input file that is linked into the output is neither read nor moved', async () => {
  await withStore(async (store) => {
    const input = await publishFilesAsTree(store, { kept: 'content' });
    const sandbox = store.createSandbox();
    const known = store.linkTree(input, join(sandbox.directory, 'in'));
    mkdirSync(join(sandbox.directory, 'out'));
    linkSync(join(sandbox.directory, 'in', 'kept'), join(sandbox.directory, 'out', 'renamed'));
    const output = await store.publishTree(join(sandbox.directory, 'out'), known);
    assert.is(output.newBytes, 0);
    assert.equal(readdirSync(join(sandbox.directory, 'out')), ['renamed']);
    const [linked] = store.readTree(output.digest)?.entries ?? [];
    assert.equal(linked, { path: 'renamed', sizeBytes: 7, digest: digestOfBytes(Buffer.from('content')) });
    await sandbox.dispose();
    assert.ok(store.hasTree(output.digest));
  });
});

test('what is said about an inode is not believed when the store lacks the blob', async () => {
  await withStore(async (store) => {
    const sandbox = store.createSandbox();
    const path = join(sandbox.directory, 'file');
    writeFileSync(path, 'content');
    const identity = identityOf(statSync(path, { bigint: true }));
    const output = await store.publishTree(sandbox.directory, new Map([[identity, digest]]));
    assert.is(store.readTree(output.digest)?.entries[0]?.digest, digestOfBytes(Buffer.from('content')));
    assert.ok(store.hasTree(output.digest));
  });
});

test('anything but regular files with portable names is refused', async () => {
  await withStore(async (store) => {
    const { directory } = store.createSandbox();
    symlinkSync('/etc/passwd', join(directory, 'link'));
    await rejects(() => store.publishTree(directory), 'stage', /"link" can't be stored: it is a symbolic link/);
    rmSync(join(directory, 'link'));

    mkdirSync(join(directory, 'sub'));
    const server = createServer().listen(join(directory, 'sub', 'socket'));
    await rejects(
      () => store.publishTree(directory),
      'stage',
      /"sub\/socket" can't be stored: it is not a regular file/,
    );
    await new Promise((resolve) => server.close(resolve));

    writeFileSync(join(directory, 'a\\b'), '');
    await rejects(() => store.publishTree(directory), 'stage', /not portable/);
    rmSync(join(directory, 'a\\b'));
    writeFileSync(Buffer.concat([Buffer.from(`${directory}/`), Buffer.from([0xff, 0xfe])]), '');
    await rejects(() => store.publishTree(directory), 'stage', /not portable/);
  });
});

const hostile: readonly (readonly [what: string, tree: Json])[] = [
  ['an absolute path', { entries: [entry('/etc/passwd')] }],
  ['a path upwards', { entries: [entry('../outside')] }],
  ['a path upwards in the middle', { entries: [entry('a/../../outside')] }],
  ['a path of the directory itself', { entries: [entry('.')] }],
  ['an empty path', { entries: [entry('')] }],
  ['an empty part', { entries: [entry('a//b')] }],
  ['a final slash', { entries: [entry('a/')] }],
  ['a backslash', { entries: [entry('a\\b')] }],
  ['a NUL', { entries: [entry('a\0b')] }],
  ['a duplicate', { entries: [entry('a'), entry('a')] }],
  ['wrong order', { entries: [entry('b'), entry('a')] }],
  ['a file that is a directory', { entries: [entry('a'), entry('a.b'), entry('a/b/c')] }],
  ['a negative size', { entries: [{ ...entry('a'), sizeBytes: -1 }] }],
  ['a size that is no integer', { entries: [{ ...entry('a'), sizeBytes: 0.5 }] }],
  ['a size as text', { entries: [{ ...entry('a'), sizeBytes: '1' }] }],
  [
    'sizes beyond exact numbers',
    { entries: ['a', 'b'].map((path) => ({ ...entry(path), sizeBytes: Number.MAX_SAFE_INTEGER })) },
  ],
  ['a digest that is a path', { entries: [{ ...entry('a'), digest: 'sha256:../../../../etc/passwd' }] }],
  ['no digest', { entries: [{ path: 'a', sizeBytes: 1 }] }],
  ['no entries', {}],
  ['entries that are no list', { entries: { length: 1 } }],
  ['an entry that is no object', { entries: [null] }],
  ['a list', []],
];

function plant(store: Store, text: string): Digest {
  const planted = digestOfBytes(Buffer.from(text));
  writeStoreFile(store.layout, store.layout.tree(planted), text);
  return planted;
}

for (const [what, tree] of hostile) {
  test(`a tree with ${what} is malformed, quarantined, and missing from then on`, async () => {
    await withStore(async (store) => {
      await rejects(() => parseTree(canonicalJson(tree)), 'cache', /malformed/);
      const planted = plant(store, canonicalJson(tree));
      assert.not(store.hasTree(planted));
      assert.is(readdirSync(store.layout.quarantine).length, 1);
      await rejects(() => store.linkTree(planted, join(store.root, 'tmp', 'in')), 'cache', /missing or was damaged/);
    });
  });
}

test('text that is not JSON, or holds half a character, is malformed', async () => {
  await rejects(() => parseTree('{"entries":['), 'cache', /not JSON/);
  await rejects(
    () => parseTree(`{"entries":[{"path":"\\ud800","sizeBytes":1,"digest":"${digest}"}]}`),
    'cache',
    /malformed/,
  );
});

test('a tree whose text was changed is quarantined', async () => {
  await withStore(async (store) => {
    const tree = await publishFilesAsTree(store, { a: 'x' });
    rmSync(store.layout.tree(tree));
    writeFileSync(store.layout.tree(tree), treeText({ entries: [entry('b')] }));
    assert.is(store.readTree(tree), undefined);
    assert.is(readdirSync(store.layout.quarantine).length, 1);
    assert.is(await publishFilesAsTree(store, { a: 'x' }), tree);
    assert.ok(store.hasTree(tree));
  });
});

test('a tree with a missing or truncated blob is not there', async () => {
  await withStore(async (store) => {
    const tree = await publishFilesAsTree(store, { a: 'x', b: 'y' });
    rmSync(store.blobPath(digest));
    assert.not(store.hasTree(tree));
    await publishFilesAsTree(store, { a: 'x' });
    assert.ok(store.hasTree(tree));
    assert.not(store.hasTree(digestOfBytes(Buffer.from('never stored'))));
  });
});

test('every tree reads back from its text', () => {
  const paths = uniqueArray(
    string({ unit: 'binary', minLength: 1 }).filter((path) => isTreePath(path) && !path.includes('/')),
  );
  check(
    property(paths, (names) => {
      const tree = { entries: names.sort(comparePaths).map(entry) };
      assert.equal(parseTree(treeText(tree)), tree);
    }),
    { numRuns: 200 },
  );
});

test.run();
