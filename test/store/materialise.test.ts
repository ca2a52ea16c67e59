import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { digestOfBytes } from '../../src/store/digest.js';
import { identityOf } from '../../src/store/directory-files.js';
import { rejects } from './support/rejects.js';
import { publishFilesAsTree, withStore } from './support/temporary-store.js';

const files = { 'model.onnx': 'graph', 'weights/layers/0': 'zero', 'weights/layers/1': 'one', 'weights/again': 'one' };
const one = digestOfBytes(Buffer.from('one'));

test('a linked tree is the blobs themselves, and says which inode holds what', async () => {
  await withStore(async (store, directory) => {
    const tree = await publishFilesAsTree(store, files);
    const target = join(directory, 'a', 'in');
    const known = store.linkTree(tree, target);
    for (const [path, text] of Object.entries(files)) {
      const stats = statSync(join(target, path), { bigint: true });
      assert.is(readFileSync(join(target, path), 'utf8'), text);
      assert.is(Number(stats.mode & 0o777n), 0o444);
      assert.is(stats.ino, statSync(store.blobPath(digestOfBytes(Buffer.from(text))), { bigint: true }).ino);
      assert.is(known.get(identityOf(stats)), digestOfBytes(Buffer.from(text)));
    }
    assert.is(known.size, 3);
  });
});

test('on another file system a tree is copied, still read-only', async () => {
  await withStore(async (store) => {
    const memory = '/dev/shm';
    if (!existsSync(memory) || statSync(memory).dev === statSync(tmpdir()).dev) {
      console.log('SKIP there is no second file system to link to');
      return;
    }
    const target = join(memory, `quern-test-${process.pid}`);
    try {
      const tree = await publishFilesAsTree(store, files);
      const known = store.linkTree(tree, target);
      const stats = statSync(join(target, 'model.onnx'), { bigint: true });
      assert.is(readFileSync(join(target, 'model.onnx'), 'utf8'), 'graph');
      assert.is(Number(stats.mode & 0o777n), 0o444);
      assert.is(known.get(identityOf(stats)), digestOfBytes(Buffer.from('graph')));
    } finally {
      rmSync(target, { recursive: true, force: true });
    }
  });
});

test('a tree that is missing or incomplete is reported, a truncated blob is quarantined', async () => {
  await withStore(async (store, directory) => {
    await rejects(() => store.linkTree(one, join(directory, 'x')), 'cache', /artifact sha256:\w+ is missing/);
    const tree = await publishFilesAsTree(store, files);
    chmodSync(store.blobPath(one), 0o644);
    truncateSync(store.blobPath(one), 1);
    await rejects(
      () => store.linkTree(tree, join(directory, 'in')),
      'cache',
      /the content of weights\/again is missing or was/,
    );
    assert.is(readdirSync(store.layout.quarantine).length, 1);
    await rejects(() => store.copyTree(tree, join(directory, 'out')), 'cache', /the content of weights/);
    assert.equal(readdirSync(directory).sort(), ['in', 'store'], 'no half export is left');
  });
});

test('a tree is not linked over files that are there', async () => {
  await withStore(async (store, directory) => {
    const tree = await publishFilesAsTree(store, files);
    mkdirSync(join(directory, 'in'));
    writeFileSync(join(directory, 'in', 'model.onnx'), 'mine');
    assert.throws(() => store.linkTree(tree, join(directory, 'in')), /EEXIST/);
    assert.is(readFileSync(join(directory, 'in', 'model.onnx'), 'utf8'), 'mine');
  });
});

test.run();
