import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { digestOfBytes } from '../../src/store/digest.js';
import { linkMode, probeLinkMode } from '../../src/store/link-mode.js';
import { publishFilesAsTree, withStore } from './support/temporary-store.js';

test('the mode is found by trying once and then remembered', async () => {
  await withStore(async ({ layout }) => {
    assert.is(linkMode(layout), probeLinkMode(layout.tmp));
    writeFileSync(layout.links, '{"mode":"copy"}');
    assert.is(linkMode(layout), 'copy');
    writeFileSync(layout.links, '{"mode":"telepathy"}');
    assert.is(linkMode(layout), probeLinkMode(layout.tmp));
  });
});

test('a store that copies gives read-only files of their own, and sees when work changed one', async () => {
  await withStore(async (store) => {
    writeFileSync(store.layout.links, '{"mode":"copy"}');
    const tree = await publishFilesAsTree(store, { kept: 'content', changed: 'before!' });
    const { directory } = store.createSandbox();
    mkdirSync(join(directory, 'out'));
    const known = store.linkTree(tree, join(directory, 'out'));
    const kept = statSync(join(directory, 'out/kept'));
    assert.is(kept.nlink, 1);
    assert.is(kept.mode & 0o777, 0o444);
    if (process.geteuid?.() === 0) writeFileSync(join(directory, 'out/changed'), 'after!!');
    const output = await store.publishTree(join(directory, 'out'), known);
    const changed = store.readTree(output.digest)?.entries.find(({ path }) => path === 'changed');
    const expected = process.geteuid?.() === 0 ? 'after!!' : 'before!';
    assert.is(changed?.digest, digestOfBytes(Buffer.from(expected)));
    assert.is(readFileSync(store.blobPath(digestOfBytes(Buffer.from('before!'))), 'utf8'), 'before!');
  });
});

test.run();
