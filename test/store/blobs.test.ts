import {
  chmodSync,
  existsSync,
  linkSync,
  readdirSync,
  readFileSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { digestOfBytes } from '../../src/store/digest.js';
import type { Store } from '../../src/store/store.js';
import { withStore } from './support/temporary-store.js';

const text = Buffer.from('the same bytes');
const digest = digestOfBytes(text);

function overwrite(store: Store, bytes: string): void {
  chmodSync(store.blobPath(digest), 0o644);
  writeFileSync(store.blobPath(digest), bytes);
}

test('a file becomes a read-only blob by renaming', async () => {
  await withStore(async (store) => {
    const sandbox = store.createSandbox();
    const path = join(sandbox.directory, 'file');
    writeFileSync(path, text);
    const { ino } = statSync(path);
    assert.equal(await store.publishFile(path), { digest, sizeBytes: text.length, newBytes: text.length });
    const stats = statSync(store.blobPath(digest));
    assert.is(stats.ino, ino);
    assert.is(stats.mode & 0o777, 0o444);
    assert.not(existsSync(path));
  });
});

test('equal files are stored once', async () => {
  await withStore(async (store) => {
    assert.is(await store.publishBytes(text), digest);
    const { ino } = statSync(store.blobPath(digest));
    const { directory } = store.createSandbox();
    writeFileSync(join(directory, 'file'), text);
    assert.equal(await store.publishFile(join(directory, 'file')), { digest, sizeBytes: text.length, newBytes: 0 });
    assert.is(await store.publishBytes(text), digest);
    assert.is(statSync(store.blobPath(digest)).ino, ino);
    assert.equal(readdirSync(directory), []);
  });
});

test('a file with another name is copied, so that nobody can write into the blob', async () => {
  await withStore(async (store, directory) => {
    const outside = join(directory, 'outside');
    writeFileSync(outside, text);
    const sandbox = store.createSandbox();
    linkSync(outside, join(sandbox.directory, 'file'));
    await store.publishFile(join(sandbox.directory, 'file'));
    writeFileSync(outside, 'something else');
    assert.is(await store.verifyBlob(digest), 'intact');
    assert.is(statSync(outside).mode & 0o200, 0o200);
  });
});

test('a blob of the wrong size is quarantined wherever it is met, and replaced', async () => {
  await withStore(async (store) => {
    await store.publishBytes(text);
    chmodSync(store.blobPath(digest), 0o644);
    truncateSync(store.blobPath(digest), 3);
    assert.not(store.hasBlob(digest, text.length));
    assert.not(existsSync(store.blobPath(digest)));
    const [name = ''] = readdirSync(store.layout.quarantine);
    assert.is(readFileSync(join(store.layout.quarantine, name), 'utf8'), 'the');

    await store.publishBytes(text);
    chmodSync(store.blobPath(digest), 0o644);
    truncateSync(store.blobPath(digest), 3);
    await store.publishBytes(text);
    assert.equal(store.readBlob(digest), text);
    assert.is(readdirSync(store.layout.quarantine).length, 2);
  });
});

test('a blob with other bytes of the right size is found by reading it', async () => {
  await withStore(async (store) => {
    await store.publishBytes(text);
    assert.is(await store.verifyBlob(digest), 'intact');
    overwrite(store, 'THE same bytes');
    assert.ok(store.hasBlob(digest, text.length), 'sizes alone can not tell');
    assert.is(await store.verifyBlob(digest), 'corrupt');
    assert.is(await store.verifyBlob(digest), 'missing');
    assert.not(store.hasBlob(digest, text.length));

    await store.publishBytes(text);
    overwrite(store, 'the SAME bytes');
    assert.is(store.readBlob(digest), undefined);
    assert.is(store.readBlob(digest), undefined);
    assert.is(readdirSync(store.layout.quarantine).length, 2);
  });
});

test.run();
