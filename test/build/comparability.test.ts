import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { Action, ActionKey } from '../../src/build/action.js';
import { comparabilityOf } from '../../src/build/comparability.js';
import { hardwareFingerprint } from '../../src/build/engines.js';
import type { ActionRecord } from '../../src/build/record.js';
import type { JsonObject } from '../../src/json.js';
import type { StageKind } from '../../src/stages/kind.js';
import { digestOfBytes } from '../../src/store/digest.js';

const kind = (changes: Partial<StageKind>): StageKind => ({
  name: 'fake',
  version: 1,
  summary: '',
  produces: 'report',
  parameters: {},
  inputs: {},
  cores: 'one',
  headline: () => '',
  load: async () => async () => ({ metrics: {} }),
  ...changes,
});

const action: Action = {
  format: 1,
  kind: 'fake',
  version: 1,
  parameters: {},
  inputs: {},
  sources: {},
  engines: {},
  epoch: 0,
};

const record = (machine: JsonObject): ActionRecord => ({
  format: 1,
  key: '0'.repeat(64) as ActionKey,
  action,
  artifact: digestOfBytes(Buffer.from('artifact')),
  log: digestOfBytes(Buffer.from('log')),
  sizeBytes: 0,
  metrics: {},
  finishedAt: '2026-01-01T00:00:00.000Z',
  durationMs: 0,
  cpuMs: 0,
  peakRssBytes: 0,
  machine,
});

const here = hardwareFingerprint();
const elsewhere = { ...here, processor: 'another one' };

test('an ordinary result is compared bit for bit, wherever it was made', () => {
  assert.equal(comparabilityOf(kind({}), record(elsewhere)), { comparable: true, tolerance: 0 });
});

test('a tolerance of an ordinary kind does not count', () => {
  assert.equal(comparabilityOf(kind({ tolerance: 0.5 }), record(here)), { comparable: true, tolerance: 0 });
});

test('a result that depends on the machine is compared on that machine, within the tolerance', () => {
  for (const changes of [{ measures: true }, { machineDependent: true }]) {
    const comparable = comparabilityOf(kind({ ...changes, tolerance: 0.5 }), record(here));
    assert.equal(comparable, { comparable: true, tolerance: 0.5 });
    assert.not.ok(comparabilityOf(kind({ ...changes, tolerance: 0.5 }), record(elsewhere)).comparable);
    assert.not.ok(comparabilityOf(kind(changes), record(here)).comparable);
  }
});

test.run();
