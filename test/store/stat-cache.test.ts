import {
  appendFileSync,
  chmodSync,
  mkdirSync,
  readdirSync,
  renameSync,
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
import type { FileContent } from '../../src/store/digest.js';
import { digestOfBytes, digestOfFile } from '../../src/store/digest.js';
import type { StatCacheOptions } from '../../src/store/stat-cache.js';
import { asOrdinaryUser } from './support/ordinary-user.js';
import { rejects } from './support/rejects.js';
import { withStore } from './support/temporary-store.js';

/** A clock that can be put forward and a hash function that counts how often files are read. */
class Observer implements StatCacheOptions {
  reads = 0;
  aheadMs = 10_000;
  afterHash: (path: string) => void = () => {};
  readonly now = (): number => Date.now() + this.aheadMs;
  readonly hash = async (path: string): Promise<FileContent> => {
    this.reads++;
    const content = await digestOfFile(path);
    this.afterHash(path);
    return content;
  };
}

const contentOf = (text: string): FileContent => ({ digest: digestOfBytes(Buffer.from(text)), sizeBytes: text.length });

test('an unchanged file is read once', async () => {
  const observer = new Observer();
  await withStore(async (store, directory) => {
    const path = join(directory, 'file');
    writeFileSync(path, 'text');
    assert.equal(await store.digestOfSource(path), contentOf('text'));
    assert.equal(await store.digestOfSource(path), contentOf('text'));
    symlinkSync(path, join(directory, 'link'));
    assert.equal(await store.digestOfSource(join(directory, 'link')), contentOf('text'));
    assert.is(observer.reads, 1);
  }, observer);
});

test('a file is read again after any change that its stats show', async () => {
  const observer = new Observer();
  await withStore(async (store, directory) => {
    const path = join(directory, 'file');
    writeFileSync(path, 'text');
    const longAgo = new Date(1_000_000_000_000);
    utimesSync(path, longAgo, longAgo);
    await store.digestOfSource(path);

    // The old time stamp on new content of the same size: only the ctime tells.
    writeFileSync(path, 'Text');
    utimesSync(path, longAgo, longAgo);
    assert.equal(await store.digestOfSource(path), contentOf('Text'));
    writeFileSync(path, 'TEXT');
    assert.equal(await store.digestOfSource(path), contentOf('TEXT'));
    // Another file moved to the same name.
    writeFileSync(join(directory, 'new'), 'tExt');
    renameSync(join(directory, 'new'), path);
    assert.equal(await store.digestOfSource(path), contentOf('tExt'));
    assert.is(observer.reads, 4);
  }, observer);
});

test('a file that was modified just before it was read is read again', async () => {
  const observer = new Observer();
  await withStore(async (store, directory) => {
    const path = join(directory, 'file');
    writeFileSync(path, 'text');
    observer.aheadMs = 1900;
    await store.digestOfSource(path);
    await store.digestOfSource(path);
    assert.is(observer.reads, 2, 'it could have changed again within one tick of the clock');
    observer.aheadMs = 2100;
    await store.digestOfSource(path);
    await store.digestOfSource(path);
    assert.is(observer.reads, 3);
  }, observer);
});

test('a file that changes while it is read is read once more', async () => {
  const observer = new Observer();
  await withStore(async (store, directory) => {
    const path = join(directory, 'file');
    writeFileSync(path, 'text');
    observer.afterHash = (hashed) => {
      if (observer.reads === 1) appendFileSync(hashed, ' and more');
    };
    assert.equal(await store.digestOfSource(path), contentOf('text and more'));
    assert.is(observer.reads, 2);
  }, observer);
});

test('a file that keeps changing, or disappears, is refused', async () => {
  const observer = new Observer();
  await withStore(async (store, directory) => {
    const path = join(directory, 'file');
    writeFileSync(path, 'text');
    observer.afterHash = (hashed) => appendFileSync(hashed, '.');
    await rejects(() => store.digestOfSource(path), 'input', /file changes while it is read/);
    observer.afterHash = (hashed) => rmSync(hashed);
    await rejects(() => store.digestOfSource(path), 'input', /file does not exist/);
    assert.equal(readdirSync(store.layout.stat), [], 'nothing is remembered');
  }, observer);
});

test('what is not a readable file is refused with its path', async () => {
  await withStore(async (store, directory) => {
    await rejects(() => store.digestOfSource(join(directory, 'absent')), 'input', /absent does not exist/);
    mkdirSync(join(directory, 'sub'));
    await rejects(() => store.digestOfSource(join(directory, 'sub')), 'input', /sub is a directory/);
    await rejects(() => store.digestOfSource('/dev/zero'), 'input', /not a regular file/);
    symlinkSync('loop', join(directory, 'loop'));
    await rejects(() => store.digestOfSource(join(directory, 'loop')), 'input', /circle/);
    writeFileSync(join(directory, 'secret'), '', { mode: 0o600 });
    chmodSync(directory, 0o755);
    if (process.geteuid?.() !== 0) chmodSync(join(directory, 'secret'), 0);
    await asOrdinaryUser(() =>
      rejects(
        () => store.digestOfSource(join(directory, 'secret')),
        'input',
        /secret can't be read: permission denied/,
      ),
    );
  });
});

test('a damaged entry is as good as none', async () => {
  const observer = new Observer();
  await withStore(async (store, directory) => {
    const path = join(directory, 'file');
    writeFileSync(path, 'text');
    for (const text of ['', '{', '[]', '{"digest":"sha256:0","sizeBytes":4,"state":{}}']) {
      await store.digestOfSource(path);
      const entry = store.layout.statEntry(sha256(path));
      assert.ok(statSync(entry).isFile());
      writeFileSync(entry, text);
      assert.equal(await store.digestOfSource(path), contentOf('text'));
    }
    assert.is(observer.reads, 5);
  }, observer);
});

test.run();
