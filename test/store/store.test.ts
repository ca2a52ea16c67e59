import { chmodSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Store } from '../../src/store/store.js';
import { withTemporaryDirectory } from '../support/temporary.js';
import { runActor } from './support/processes.js';
import { rejects } from './support/rejects.js';
import { publishFilesAsTree, writeFiles } from './support/temporary-store.js';

test('a store is made where there is none, beside a README, and after an interrupted creation', async () => {
  await withTemporaryDirectory(async (directory) => {
    Store.open(join(directory, 'a', 'b'));
    assert.equal(JSON.parse(readFileSync(join(directory, 'a', 'b', 'format.json'), 'utf8')), { format: 1 });
    writeFiles(join(directory, 'readme'), { 'README.md': '', '.gitignore': '', 'blobs/x': '' });
    Store.open(join(directory, 'readme'));
  });
});

test('opening a store again changes nothing in it', async () => {
  await withTemporaryDirectory(async (directory) => {
    const tree = await publishFilesAsTree(Store.open(directory), { a: 'text' });
    const before = readdirSync(directory, { recursive: true });
    assert.ok(Store.open(directory).hasTree(tree));
    assert.equal(readdirSync(directory, { recursive: true }), before);
  });
});

test('a store of another format is refused, an unreadable format too', async () => {
  await withTemporaryDirectory(async (directory) => {
    for (const [text, message] of [
      ['{"format":2}', /has format 2; this version of quern uses format 1/],
      ['{"format":"1"}', /has an unreadable format.json/],
      ['', /has an unreadable format.json/],
      ['null', /has an unreadable format.json/],
    ] as const) {
      writeFileSync(join(directory, 'format.json'), text);
      await rejects(() => Store.open(directory), 'cache', message);
    }
    assert.equal(readdirSync(directory), ['format.json']);
  });
});

test('a directory with other things in it does not become a store', async () => {
  await withTemporaryDirectory(async (directory) => {
    writeFileSync(join(directory, 'thesis.txt'), '');
    await rejects(() => Store.open(directory), 'cache', /is not a cache of quern: it holds thesis.txt/);
    await rejects(() => Store.open(join(directory, 'thesis.txt')), 'cache', /not a directory/);
    assert.equal(readdirSync(directory), ['thesis.txt']);
  });
});

test('a store that can not be written is refused with its path', async () => {
  await withTemporaryDirectory(async (directory) => {
    chmodSync(directory, 0o755);
    const existing = join(directory, 'existing');
    Store.open(existing);
    chmodSync(existing, 0o555);
    mkdirSync(join(directory, 'parent'), { mode: 0o555 });
    // Another process, because the rights of root can't be put down for good.
    const options = process.geteuid?.() === 0 ? { uid: 65534 } : {};
    for (const path of [existing, join(directory, 'parent', 'new')]) {
      const message = await runActor([path, 'open'], options);
      assert.is(message, `QuernError: can't write to ${path}: permission denied`);
    }
    chmodSync(existing, 0o755);
  });
});

test('a store works on when its directories are removed', async () => {
  await withTemporaryDirectory(async (directory) => {
    const store = Store.open(directory);
    for (const path of store.layout.directories()) rmSync(path, { recursive: true });
    assert.is(await store.sweepSandboxes(), 0);
    const tree = await publishFilesAsTree(store, { a: 'text' });
    store.writeRecord({ format: 1, key: 'a'.repeat(64) });
    assert.ok(store.hasTree(tree));
    assert.equal(store.listRecords(), ['a'.repeat(64)]);
  });
});

test.run();
