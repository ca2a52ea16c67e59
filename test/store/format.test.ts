import { readFileSync, writeFileSync } from 'node:fs';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { Migration } from '../../src/store/format.js';
import { ensureFormat } from '../../src/store/format.js';
import type { Layout } from '../../src/store/layout.js';
import { beginSession } from '../../src/store/session.js';
import { rejects } from './support/rejects.js';
import { withStore } from './support/temporary-store.js';

/** Notes in a file of the store that it was called. */
function noting(from: number): Migration {
  return {
    from,
    migrate: (layout) => writeFileSync(`${layout.root}/steps`, `${from} `, { flag: 'a' }),
  };
}

const formatOf = (layout: Layout): unknown => JSON.parse(readFileSync(layout.format, 'utf8')).format;
const steps = (layout: Layout): string => readFileSync(`${layout.root}/steps`, 'utf8');

test('an older store is converted step by step, and once', async () => {
  await withStore(async ({ layout }) => {
    const options = { current: 3, migrations: [noting(2), noting(1)] };
    ensureFormat(layout, options);
    ensureFormat(layout, options);
    assert.is(formatOf(layout), 3);
    assert.is(steps(layout), '1 2 ');
  });
});

test('a conversion that is interrupted goes on with the step that was not finished', async () => {
  await withStore(async ({ layout }) => {
    const broken: Migration = {
      from: 2,
      migrate: () => {
        throw new Error('killed');
      },
    };
    assert.throws(() => ensureFormat(layout, { current: 3, migrations: [noting(1), broken] }), /killed/);
    assert.is(formatOf(layout), 2);
    ensureFormat(layout, { current: 3, migrations: [noting(1), noting(2)] });
    assert.is(steps(layout), '1 2 ');
  });
});

test('a store is not converted while a build uses it or another process converts it', async () => {
  await withStore(async ({ layout, locks }) => {
    const options = { current: 2, migrations: [noting(1)] };
    const session = beginSession(layout);
    await rejects(() => ensureFormat(layout, options), 'cache', /a build of an older quern uses it/);
    session.end();
    const lock = locks.tryAcquire('format', 'exclusive', 'convert');
    await rejects(() => ensureFormat(layout, options), 'cache', /it is being converted, held by pid/);
    lock?.release();
    ensureFormat(layout, options);
    assert.is(formatOf(layout), 2);
  });
});

test('without a migration, and from a newer format, there is no way', async () => {
  await withStore(async ({ layout }) => {
    await rejects(
      () => ensureFormat(layout, { current: 2, migrations: [] }),
      'cache',
      /has format 1; .* uses format 2/,
    );
    await rejects(
      () => ensureFormat(layout, { current: 0, migrations: [] }),
      'cache',
      /has format 1; .* uses format 0/,
    );
  });
});

test.run();
