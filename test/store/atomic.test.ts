import { chmodSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { writeFileAtomically, writeStoreFile } from '../../src/store/atomic.js';
import { withTemporaryDirectory } from '../support/temporary.js';
import { asOrdinaryUser } from './support/ordinary-user.js';
import { rejects } from './support/rejects.js';
import { withStore } from './support/temporary-store.js';

test('a file is created with its directories, then replaced, and nothing else is left', async () => {
  await withTemporaryDirectory(async (directory) => {
    const path = join(directory, 'a', 'b', 'file.json');
    writeFileAtomically(path, 'one');
    const { ino } = statSync(path);
    writeFileAtomically(path, 'two');
    assert.is(readFileSync(path, 'utf8'), 'two');
    assert.is.not(statSync(path).ino, ino, 'the old file was written into');
    assert.equal(readdirSync(join(directory, 'a', 'b')), ['file.json']);
  });
});

test('a write that fails leaves the old file and no unfinished one', async () => {
  await withTemporaryDirectory(async (directory) => {
    mkdirSync(join(directory, 'target', 'child'), { recursive: true });
    assert.throws(() => writeFileAtomically(join(directory, 'target'), 'text'), /EISDIR|ENOTEMPTY|EEXIST/);
    assert.equal(readdirSync(directory), ['target']);
  });
});

test('a directory that can not be written is named', async () => {
  await withTemporaryDirectory(async (directory) => {
    chmodSync(directory, 0o755);
    const locked = join(directory, 'locked');
    mkdirSync(locked, { mode: 0o555 });
    await asOrdinaryUser(() =>
      rejects(
        () => writeFileAtomically(join(locked, 'file'), 'text'),
        'cache',
        /can't write to .*locked: permission denied/,
      ),
    );
    const file = join(directory, 'file');
    writeFileSync(file, '');
    await rejects(() => writeFileAtomically(join(file, 'child'), 'text'), 'cache', /not a directory/);
  });
});

test('files of a store are made under tmp/ and get their mode', async () => {
  await withStore(async (store) => {
    const path = `${store.layout.runs}/new/file`;
    writeStoreFile(store.layout, path, 'text', { mode: 0o444 });
    assert.is(readFileSync(path, 'utf8'), 'text');
    assert.is(statSync(path).mode & 0o777, 0o444);
    assert.equal(readdirSync(store.layout.tmp), []);
  });
});

test.run();
