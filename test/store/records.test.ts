import { readdirSync, writeFileSync } from 'node:fs';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { withStore } from './support/temporary-store.js';

const key = 'ab'.repeat(32);
const otherKey = 'cd'.repeat(32);

test('a record reads back as it was written, the last one wins', async () => {
  await withStore(async (store) => {
    assert.is(store.readRecord(key), undefined);
    store.writeRecord({ format: 1, key, metrics: { perplexity: 96.6 } });
    const record = { format: 1, key, metrics: { perplexity: 96.5, nested: [1, null, 'text'] } };
    store.writeRecord(record);
    assert.equal(store.readRecord(key), record);
    assert.equal(readdirSync(store.layout.tmp), []);
  });
});

for (const [what, text] of [
  ['half written', `{"format":1,"key":"${key}"`],
  ['empty', ''],
  ['of another key', `{"format":1,"key":"${otherKey}"}`],
  ['without a format', `{"key":"${key}"}`],
  ['no object', `["${key}"]`],
] as const) {
  test(`a record that is ${what} is quarantined and missing`, async () => {
    await withStore(async (store) => {
      writeFileSync(store.layout.action(key), text);
      assert.is(store.readRecord(key), undefined);
      assert.equal(readdirSync(store.layout.actions), []);
      assert.is(readdirSync(store.layout.quarantine).length, 1);
      store.writeRecord({ format: 1, key });
      assert.equal(store.readRecord(key), { format: 1, key });
    });
  });
}

test('records are listed by key and can be removed', async () => {
  await withStore(async (store) => {
    for (const one of [otherKey, key]) store.writeRecord({ format: 1, key: one });
    writeFileSync(`${store.layout.actions}/notes.txt`, '');
    assert.equal(store.listRecords(), [key, otherKey]);
    store.removeRecord(key);
    store.removeRecord(key);
    assert.equal(store.listRecords(), [otherKey]);
  });
});

test('a key that is no sha256 never becomes a path', async () => {
  await withStore(async (store) => {
    for (const wrong of ['../format', '', key.toUpperCase(), `${key}/..`]) {
      assert.throws(() => store.readRecord(wrong), /not the key/);
      assert.throws(() => store.writeRecord({ format: 1, key: wrong }), /not the key/);
      assert.throws(() => store.removeRecord(wrong), /not the key/);
    }
  });
});

test.run();
