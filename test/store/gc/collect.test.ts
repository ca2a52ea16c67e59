import { existsSync, readdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { sha256 } from '../../../src/json.js';
import type { Collection, CollectOptions } from '../../../src/store/gc/collect.js';
import { collect } from '../../../src/store/gc/collect.js';
import type { Store } from '../../../src/store/store.js';
import { publishFilesAsTree, withStore } from '../support/temporary-store.js';

/** Stores a result of these files that was last used so many days ago. Returns its key. */
async function storeResult(
  store: Store,
  name: string,
  files: { [path: string]: string },
  daysAgo = 1,
): Promise<string> {
  const key = sha256(name);
  store.writeRecord({ format: 1, key, artifact: await publishFilesAsTree(store, files) });
  const time = new Date(Date.now() - daysAgo * 86_400_000);
  utimesSync(store.layout.action(key), time, time);
  return key;
}

function collectIn(store: Store, options: Partial<CollectOptions> = {}): Promise<Collection> {
  return collect(store.layout, store.locks, { roots: new Set(), maxSizeBytes: 0, ...options });
}

test('what is over the size goes, the longest unused first, and shared blobs stay with the last that needs them', async () => {
  await withStore(async (store) => {
    const shared = 's'.repeat(1000);
    const old = await storeResult(store, 'old', { shared, own: 'o'.repeat(500) }, 3);
    const late = await storeResult(store, 'late', { shared, own: 'l' }, 2);
    const { removals, afterBytes, removedBlobs } = await collectIn(store, { maxSizeBytes: 1700 });
    assert.equal(
      removals.map(({ record, reason }) => [record.key, reason]),
      [[old, 'size']],
    );
    assert.is(removedBlobs, 1);
    assert.ok(afterBytes <= 1700);
    assert.equal(store.listRecords(), [late]);
    const artifact = store.readRecord(late)?.artifact;
    assert.ok(typeof artifact === 'string' && existsSync(store.layout.action(late)));
  });
});

test('age bounds go before size, roots before both', async () => {
  await withStore(async (store) => {
    const root = await storeResult(store, 'root', { f: 'root' }, 90);
    const old = await storeResult(store, 'old', { f: 'old' }, 60);
    const late = await storeResult(store, 'late', { f: 'late' }, 1);
    const bounds = { roots: new Set([root]), maxSizeBytes: 1e9, maxAgeMs: 30 * 86_400_000 };
    const { removals } = await collectIn(store, bounds);
    assert.equal(
      removals.map(({ record, reason }) => [record.key, reason]),
      [[old, 'age']],
    );
    assert.equal(store.listRecords(), [root, late].sort());
  });
});

test('nothing that was used or published since a session began is removed, whichever process holds it', async () => {
  await withStore(async (store) => {
    const key = await storeResult(store, 'a', { f: 'a' });
    const use = store.beginUse();
    const record = await store.claimRecord(key, ({ artifact }) => ({ artifact: artifact as never }));
    assert.ok(record);
    const unreferenced = await publishFilesAsTree(store, { f: 'not yet in a record' });
    assert.equal((await collectIn(store)).removals, []);
    assert.ok(store.hasTree(unreferenced));
    use.end();
    const { removals, afterBytes } = await collectIn(store);
    assert.is(removals.length, 1);
    assert.is(afterBytes, 0);
    assert.not(store.hasTree(unreferenced));
  });
});

test('records without their artifact, and artifacts without a record, go even when there is room', async () => {
  await withStore(async (store) => {
    const key = await storeResult(store, 'a', { f: 'a' });
    const artifact = await publishFilesAsTree(store, { f: 'nobody refers to it' });
    rmSync(`${store.layout.trees}/sha256`, { recursive: true });
    const { removals, removedBlobs } = await collectIn(store, { maxSizeBytes: 1e9 });
    assert.equal(
      removals.map(({ record, reason }) => [record.key, reason]),
      [[key, 'incomplete']],
    );
    assert.is(removedBlobs, 2);
    assert.not(store.hasTree(artifact));
  });
});

test('a dry run removes nothing and foresees what happens', async () => {
  await withStore(async (store) => {
    await storeResult(store, 'a', { f: 'a', g: 'b' });
    const planned = await collectIn(store, { dryRun: true });
    assert.is(store.listRecords().length, 1);
    assert.equal(await collectIn(store), planned);
    assert.equal(store.listRecords(), []);
  });
});

test('of many runs the late ones stay', async () => {
  await withStore(async (store) => {
    for (let run = 0; run < 103; run++) writeFileSync(`${store.layout.runs}/${String(run).padStart(4, '0')}`, '');
    assert.is((await collectIn(store)).leftovers, 3);
    assert.is(readdirSync(store.layout.runs).sort()[0], '0003');
  });
});

test.run();
