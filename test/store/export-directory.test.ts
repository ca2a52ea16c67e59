import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { sha256 } from '../../src/json.js';
import { digestOfBytes } from '../../src/store/digest.js';
import { runActor } from './support/processes.js';
import { rejects } from './support/rejects.js';
import { publishFilesAsTree, withStore, writeFiles } from './support/temporary-store.js';

const marker = '.quern-export.json';

test('an export is an independent, writable copy that can be told to be current', async () => {
  await withStore(async (store, directory) => {
    const tree = await publishFilesAsTree(store, { 'model.onnx': 'graph', 'weights/0': 'zero' });
    const target = join(directory, 'dist', 'model');
    assert.not(store.exportIsCurrent(target, tree));
    await store.copyTree(tree, target);
    assert.equal(readdirSync(target).sort(), [marker, 'model.onnx', 'weights']);
    assert.equal(readdirSync(join(directory, 'dist')), ['model']);
    const stats = statSync(join(target, 'weights', '0'));
    assert.is(stats.nlink, 1);
    assert.is(stats.mode & 0o777, 0o644);
    writeFileSync(join(target, 'weights', '0'), 'ZERO');
    assert.is(await store.verifyBlob(digestOfBytes(Buffer.from('zero'))), 'intact');
  });
});

test('an export is current until something about it changes', async () => {
  await withStore(async (store, directory) => {
    const tree = await publishFilesAsTree(store, { a: 'text', 'sub/b': 'more' });
    const other = await publishFilesAsTree(store, { a: 'text' });
    const target = join(directory, 'out');
    const changes: readonly (() => void)[] = [
      () => utimesSync(join(target, 'a'), 1, 1),
      () => writeFileSync(join(target, 'sub', 'b'), 'longer than before'),
      () => rmSync(join(target, 'a')),
      () => rmSync(join(target, 'sub'), { recursive: true }),
      () => rmSync(join(target, marker)),
      () => writeFileSync(join(target, marker), '{"format":1,'),
      () => writeFileSync(join(target, marker), JSON.stringify({ format: 1, tree, files: [{ path: '../x' }] })),
      () => rmSync(target, { recursive: true }),
    ];
    for (const change of changes) {
      rmSync(target, { recursive: true, force: true });
      await store.copyTree(tree, target);
      assert.ok(store.exportIsCurrent(target, tree));
      assert.not(store.exportIsCurrent(target, other));
      change();
      assert.not(store.exportIsCurrent(target, tree), String(change));
    }
  });
});

test('an export replaces an earlier one as a whole, also one that was edited', async () => {
  await withStore(async (store, directory) => {
    const before = await publishFilesAsTree(store, { old: 'old', both: 'before' });
    const after = await publishFilesAsTree(store, { new: 'new', both: 'after' });
    const target = join(directory, 'out');
    mkdirSync(target);
    await store.copyTree(before, target);
    writeFileSync(join(target, 'both'), 'edited');
    await store.copyTree(after, target);
    assert.equal(readdirSync(target).sort(), [marker, 'both', 'new']);
    assert.is(readFileSync(join(target, 'both'), 'utf8'), 'after');
    assert.ok(store.exportIsCurrent(target, after));
    assert.equal(readdirSync(directory).sort(), ['out', 'store']);
  });
});

test('what quern did not export is never replaced', async () => {
  await withStore(async (store, directory) => {
    const tree = await publishFilesAsTree(store, { a: 'text' });
    const target = join(directory, 'out');
    writeFiles(target, { 'sub/thesis.txt': 'years of work' });
    await rejects(
      () => store.copyTree(tree, target),
      'stage',
      /out is not replaced: it holds files that were not exported/,
    );
    assert.is(readFileSync(join(target, 'sub', 'thesis.txt'), 'utf8'), 'years of work');

    rmSync(target, { recursive: true });
    await store.copyTree(tree, target);
    writeFiles(target, { 'sub/notes.txt': 'added later' });
    await rejects(() => store.copyTree(tree, target), 'stage', /sub\/notes.txt in it was not exported by quern/);
    assert.ok(existsSync(join(target, 'sub', 'notes.txt')));

    writeFileSync(join(directory, 'file'), 'mine');
    await rejects(() => store.copyTree(tree, join(directory, 'file')), 'stage', /not a directory/);
    assert.is(readFileSync(join(directory, 'file'), 'utf8'), 'mine');
    assert.equal(readdirSync(directory).sort(), ['file', 'out', 'store']);
  });
});

test('an export through a symbolic link keeps the link', async () => {
  await withStore(async (store, directory) => {
    const tree = await publishFilesAsTree(store, { a: 'text' });
    mkdirSync(join(directory, 'real'));
    symlinkSync('real', join(directory, 'link'));
    await store.copyTree(tree, join(directory, 'link'));
    assert.is(realpathSync(join(directory, 'link')), realpathSync(join(directory, 'real')));
    assert.ok(store.exportIsCurrent(join(directory, 'real'), tree));
  });
});

test('copies that a killed process left are removed by the next export, those of other stores are not', async () => {
  await withStore(async (store, directory) => {
    const tree = await publishFilesAsTree(store, { a: 'text' });
    const left = `.out.quern-${sha256(store.root).slice(0, 8)}-left`;
    const foreign = '.out.quern-00000000-left';
    for (const name of [left, foreign]) writeFiles(join(directory, name), { a: 'te' });
    await store.copyTree(tree, join(directory, 'out'));
    assert.equal(readdirSync(directory).sort(), [foreign, 'out', 'store']);
  });
});

test('an artifact with a file named like the marker is refused', async () => {
  await withStore(async (store, directory) => {
    const tree = await publishFilesAsTree(store, { [marker]: 'text' });
    await rejects(() => store.copyTree(tree, join(directory, 'out')), 'stage', /marks exported directories/);
    assert.not(existsSync(join(directory, 'out')));
  });
});

test('while processes export to one place, a reader always finds one whole export', async () => {
  await withStore(async (store, directory) => {
    const target = join(directory, 'out');
    const texts = ['one', 'two'];
    const trees = await Promise.all(texts.map((text) => publishFilesAsTree(store, { a: text, b: text })));
    await store.copyTree(trees[0] ?? digestOfBytes(Buffer.from('')), target);
    let running = true;
    const exports = Promise.all(trees.map((tree) => runActor([store.root, 'export', tree, target]))).finally(() => {
      running = false;
    });
    let reads = 0;
    while (running) {
      assert.ok(texts.includes(readFileSync(join(target, 'a'), 'utf8')));
      reads++;
      await new Promise((resolve) => setImmediate(resolve));
    }
    await exports;
    assert.ok(reads > 0);
    assert.ok(trees.some((tree) => store.exportIsCurrent(target, tree)));
    assert.equal(readdirSync(directory).sort(), ['out', 'store']);
  });
});

test.run();
