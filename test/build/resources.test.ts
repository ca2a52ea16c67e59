import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { ResourcePool } from '../../src/build/resources.js';

/** Whether a promise has settled once everything that is ready to go on has done so. */
async function hasSettled(promise: Promise<unknown>): Promise<boolean> {
  let settled = false;
  promise.then(() => {
    settled = true;
  });
  await new Promise((resolve) => setImmediate(resolve));
  return settled;
}

test('requests that fit together are granted together', async () => {
  const pool = new ResourcePool({ cores: 2, memoryBytes: 100 });
  await pool.acquire({ cores: 1, memoryBytes: 50 });
  assert.ok(await hasSettled(pool.acquire({ cores: 1, memoryBytes: 50 })));
});

test('a request waits for memory as it does for cores', async () => {
  const pool = new ResourcePool({ cores: 4, memoryBytes: 100 });
  const release = await pool.acquire({ cores: 1, memoryBytes: 60 });
  const second = pool.acquire({ cores: 1, memoryBytes: 60 });
  assert.not.ok(await hasSettled(second));
  release();
  assert.ok(await hasSettled(second));
});

test('a large request is not starved by small ones that come later', async () => {
  const pool = new ResourcePool({ cores: 2, memoryBytes: 100 });
  const release = await pool.acquire({ cores: 1, memoryBytes: 1 });
  const large = pool.acquire({ cores: 2, memoryBytes: 1 });
  const small = pool.acquire({ cores: 1, memoryBytes: 1 });
  assert.not.ok(await hasSettled(small));
  release();
  const releaseLarge = await large;
  assert.not.ok(await hasSettled(small));
  releaseLarge();
  assert.ok(await hasSettled(small));
});

test('a request for more than there is gets all there is', async () => {
  const pool = new ResourcePool({ cores: 2, memoryBytes: 100 });
  const release = await pool.acquire({ cores: 64, memoryBytes: 1e12 });
  release();
  release();
  const again = await pool.acquire({ cores: 2, memoryBytes: 100 });
  assert.not.ok(await hasSettled(pool.acquire({ cores: 1, memoryBytes: 0 })), 'released only once');
  again();
});

test.run();
