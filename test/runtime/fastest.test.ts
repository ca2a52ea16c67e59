import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { logitError } from '../../src/models/logit-error.js';
import { openModelDirectory } from '../../src/models/model-directory.js';
import { openEngine } from '../../src/ort/open-engine.js';
import { cpuDevice } from '../../src/runtime/devices/cpu.js';
import type { Device } from '../../src/runtime/devices/device.js';
import { untiledPlan } from '../../src/runtime/devices/device.js';
import { FastestDevice } from '../../src/runtime/devices/fastest.js';
import { openEagerModel } from '../../src/runtime/eager-model.js';
import { placementAt } from '../../src/runtime/placement-shapes.js';
import { createModelFixtures } from './model-fixtures.js';

const fixtures = await createModelFixtures(1);
test.after(() => fixtures.remove());
const engine = await openEngine({ threads: 1 });
test.after(() => engine.close());

const parts = { aCopyUs: 0, aSyncUs: 0, cSyncUs: 0, cCopyUs: 0, accumulateUs: 0 };

/** Computes as the CPU does, and takes as long as it says; takes no operator with so many columns. */
function pretending(name: string, timeUs: (rows: number) => number, refusedColumns = 0): Device {
  return {
    ...cpuDevice,
    name,
    supports: ({ n }) => (n === refusedColumns ? { ok: false, reason: 'too wide' } : { ok: true }),
    plan: (operator, rows) => {
      const totalUs = timeUs(rows);
      return {
        ...untiledPlan(operator, rows),
        modelled: { time: { ...parts, runUs: totalUs, totalUs }, basis: 'derived' },
      };
    },
  };
}

const never = 1e12;

test('a prompt and a token go to different devices, each to the fastest', () => {
  const devices = [pretending('batch', (rows) => (rows === 1 ? never : 1e-3), 4096), pretending('slow', () => never)];
  const open = (list: readonly Device[]) =>
    openEagerModel({
      ...{ engine, devices: list, granularity: 'island', capacity: 16 },
      opened: openModelDirectory(fixtures.float),
    });
  const [model, plain] = [open([new FastestDevice(devices)]), open([])];
  const prompt = [2, 100, 200];
  for (const ids of [prompt, [7], [8]]) {
    assert.ok(logitError(plain.forward(ids).slice(), model.forward(ids)) < 1e-5);
  }
  const { operators, npuCoverage } = placementAt(model.placement, prompt.length);
  const deviceOf = new Map(operators.map(({ operator, device }) => [operator, device]));
  // The head is read for the last token alone, so it may have been bound to one row only.
  assert.is(deviceOf.get('model.decoder.layers.0.fc1'), 'batch');
  assert.ok(npuCoverage > 0);
  const token = placementAt(model.placement, 1);
  assert.equal([...new Set(token.operators.map(({ device }) => device))], ['cpu']);
  assert.is(token.npuCoverage, 0);
  for (const opened of [model, plain]) opened.close();
});

test('what no device takes is the CPU, with their reasons', () => {
  const device = new FastestDevice([pretending('batch', () => 1, 8)]);
  const operator = {
    ...{ operatorType: 'MatMul', k: 4, n: 8, weights: { type: 'float32' as const } },
    ...{ constantWeights: true, activations: 'float32' as const, scheme: 'float' },
  };
  assert.equal(device.supports(operator), { ok: false, reason: 'batch: too wide' });
  assert.equal(device.supports({ ...operator, n: 9 }), { ok: true });
  assert.is(device.name, 'fastest(batch, cpu)');
});

test.run();
