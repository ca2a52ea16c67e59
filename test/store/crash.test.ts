import { readdirSync } from 'node:fs';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { isDigest } from '../../src/store/digest.js';
import type { Store } from '../../src/store/store.js';
import { withActor } from './support/processes.js';
import { withStore } from './support/temporary-store.js';

/** How many records there are. Each must refer to a whole tree, blob by blob. */
async function verifyEverything(store: Store): Promise<number> {
  const keys = store.listRecords();
  for (const key of keys) {
    const artifact = store.readRecord(key)?.artifact;
    assert.ok(isDigest(artifact), `the record ${key} is damaged`);
    const tree = store.readTree(artifact);
    assert.is(tree?.entries.length, 20);
    for (const { digest } of tree?.entries ?? []) assert.is(await store.verifyBlob(digest), 'intact');
  }
  return keys.length;
}

test('a process killed while it publishes leaves whole results and what a sweep removes', async () => {
  await withStore(async (store) => {
    for (let round = 1; round <= 4; round++) {
      await withActor([store.root, 'publish-forever'], (_, kill) => kill());
      assert.ok((await verifyEverything(store)) >= round);
      await store.sweepSandboxes();
      assert.equal(readdirSync(store.layout.tmp), []);
      assert.equal(readdirSync(store.layout.quarantine), []);
    }
  });
});

test.run();
