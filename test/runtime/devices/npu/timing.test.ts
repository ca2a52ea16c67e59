import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { GemmShape, ModelledTime } from '../../../../src/runtime/devices/device.js';
import type { NpuName } from '../../../../src/runtime/devices/names.js';
import { npuNames } from '../../../../src/runtime/devices/names.js';
import {
  group32Kernels,
  group128Kernels,
  type KernelTable,
  kernelTables,
  w8a8Kernels,
  w8a16Kernels,
} from '../../../../src/runtime/devices/npu/kernels.js';
import { planTiles } from '../../../../src/runtime/devices/npu/plan.js';
import { modelTime } from '../../../../src/runtime/devices/npu/timing.js';

function model(npu: NpuName, shape: GemmShape, kernels: KernelTable): ReturnType<typeof modelTime> {
  return modelTime(npu, planTiles(shape, kernels), kernels);
}

function totalUs(npu: NpuName, shape: GemmShape, kernels: KernelTable): number {
  return model(npu, shape, kernels).time.totalUs;
}

function assertWithin(actual: number, expected: number, tolerance: number): void {
  const error = actual / expected - 1;
  assert.ok(Math.abs(error) <= tolerance, `${actual} is ${(100 * error).toFixed(1)}% off ${expected}`);
}

/** Time of the whole operator in AMD's logs of 3-bit weights: [m, k, n, group size, us]. */
type ExecutionTime = readonly [m: number, k: number, n: number, groupSize: 32 | 128, executeUs: number];

const executionTimes: { readonly [npu in 'hpt' | 'stx']: readonly ExecutionTime[] } = {
  hpt: [
    [32, 4096, 4096, 32, 3528.2],
    [32, 4096, 4096, 128, 3093.7],
    [32, 4096, 12288, 32, 8482.5],
    [32, 4096, 12288, 128, 7832.9],
    [32, 11008, 4096, 32, 7751.4],
    [32, 11008, 4096, 128, 7108.1],
    [8, 4096, 4096, 32, 1060.7],
    [8, 4096, 4096, 128, 1014.5],
    [8, 4096, 12288, 32, 2398.4],
    [8, 4096, 12288, 128, 2204.7],
    [8, 11008, 4096, 32, 2192.4],
    [8, 11008, 4096, 128, 2019.3],
    [1, 4096, 4096, 32, 965.1],
    [1, 4096, 4096, 128, 732.7],
    [1, 4096, 12288, 32, 2084.3],
    [1, 4096, 12288, 128, 1426.7],
    [1, 11008, 4096, 32, 1941.3],
    [1, 11008, 4096, 128, 1261.3],
    [1, 4096, 32000, 32, 5479.8],
    [64, 4096, 4096, 32, 7047.4],
    [8, 6144, 24576, 128, 12202.7],
    [8, 24576, 6144, 128, 12399.5],
  ],
  stx: [
    [32, 4096, 4096, 128, 1122.5],
    [32, 4096, 12288, 128, 3261.9],
    [32, 4096, 32768, 128, 8458.8],
    [32, 11008, 4096, 128, 2999.8],
    [8, 4096, 4096, 128, 396.4],
    [8, 4096, 12288, 128, 902.6],
    [8, 4096, 32768, 128, 2274.6],
    [8, 11008, 4096, 128, 908],
    [1, 4096, 4096, 128, 325.2],
    [1, 4096, 12288, 128, 677.7],
    [1, 4096, 32768, 128, 1659.5],
    [1, 11008, 4096, 128, 595.2],
    [8, 6144, 24576, 128, 4999.3],
    [8, 24576, 6144, 128, 5505.3],
  ],
};

for (const npu of ['hpt', 'stx'] as const) {
  for (const [m, k, n, groupSize, executeUs] of executionTimes[npu]) {
    test(`${npu} ${m}x${k}x${n} group ${groupSize} takes the measured ${executeUs} us`, () => {
      const kernels = groupSize === 32 ? group32Kernels : group128Kernels;
      const { time, basis } = model(npu, { m, k, n }, kernels);
      assertWithin(time.totalUs, executeUs, 0.05);
      assert.is(basis, 'measured');
    });
  }
}

test('the parts of a measured kernel are those of the log', () => {
  assert.equal(model('hpt', { m: 1, k: 4096, n: 12288 }, group128Kernels).time, {
    aCopyUs: 2,
    aSyncUs: 9.9,
    runUs: 1394.8,
    cSyncUs: 14.7,
    cCopyUs: 2.2,
    accumulateUs: 0,
    totalUs: 2 + 9.9 + 1394.8 + 14.7 + 2.2,
  });
});

test('the host accumulates all but the first dispatch along k', () => {
  const hawkPoint = model('hpt', { m: 8, k: 24576, n: 6144 }, group128Kernels).time;
  const strix = model('stx', { m: 8, k: 24576, n: 6144 }, group128Kernels).time;
  assertWithin(hawkPoint.accumulateUs, 102.3, 0.001);
  assertWithin(strix.accumulateUs, 130.2, 0.001);
  assertWithin(hawkPoint.cCopyUs, 10.9, 0.05);
});

test('kernels that were not measured have fitted times close to their neighbours', () => {
  const { time, basis } = model('hpt', { m: 1, k: 4096, n: 32768 }, group128Kernels);
  assert.is(basis, 'fitted');
  assertWithin(time.runUs, 366 + (32 * 256 * 8512) / 26_100, 1e-9);
});

const optLayers = [
  { k: 2048, n: 2048, count: 96 },
  { k: 2048, n: 8192, count: 24 },
  { k: 8192, n: 2048, count: 24 },
  { k: 2048, n: 50272, count: 1 },
];

function optPassMs(npu: NpuName, rows: number): number {
  return (
    optLayers.reduce((sum, { k, n, count }) => sum + count * totalUs(npu, { m: rows, k, n }, w8a8Kernels), 0) / 1000
  );
}

for (const [rows, passMs] of [
  [1, 69.9],
  [8, 78.9],
  [9, 81.4],
  [32, 122],
] as const) {
  test(`OPT-1.3b w8a8: a pass of ${rows} rows takes the ${passMs} ms left by the published times`, () => {
    assertWithin(optPassMs('phx', rows), passMs, 0.01);
    assert.is(optPassMs('hpt', rows), optPassMs('phx', rows));
  });
}

test('what is neither measured nor fitted says so', () => {
  const shape = { m: 1, k: 4096, n: 4096 };
  assert.is(model('phx', shape, group128Kernels).basis, 'derived');
  assert.is(model('stx', shape, group32Kernels).basis, 'derived');
  assert.is(model('stx', shape, w8a16Kernels).basis, 'derived');
  assert.is(model('hpt', shape, w8a8Kernels).basis, 'derived');
});

test('phx has the times of hpt, and stx is faster', () => {
  for (const kernels of kernelTables('hpt')) {
    for (const m of kernels.rows) {
      for (const { k, n } of kernels.weights) {
        const hawkPointUs = totalUs('hpt', { m, k, n }, kernels);
        assert.is(totalUs('phx', { m, k, n }, kernels), hawkPointUs);
        assert.ok(totalUs('stx', { m, k, n }, kernels) < hawkPointUs, `${kernels.flow} ${m}x${k}x${n}`);
      }
    }
  }
});

test('a flow that an NPU lacks has no time', () => {
  assert.throws(() => model('hpt', { m: 1, k: 4096, n: 4096 }, w8a16Kernels), /no time model for w8a16/);
});

const dimension = fc.integer({ min: 1, max: 40_000 });
const shapes: fc.Arbitrary<GemmShape> = fc.record({ m: fc.integer({ min: 1, max: 300 }), k: dimension, n: dimension });
const choices = fc.constantFrom(...npuNames.flatMap((npu) => kernelTables(npu).map((kernels) => ({ npu, kernels }))));

for (const axis of ['m', 'k', 'n'] as const) {
  test(`time does not shrink as ${axis} grows`, () => {
    fc.assert(
      fc.property(shapes, choices, fc.integer({ min: 1, max: 20_000 }), (shape, { npu, kernels }, more) => {
        const larger = { ...shape, [axis]: shape[axis] + more };
        assert.ok(totalUs(npu, larger, kernels) >= totalUs(npu, shape, kernels) * (1 - 1e-12));
      }),
    );
  });
}

test('parts are not negative and add up to the total', () => {
  fc.assert(
    fc.property(shapes, choices, (shape, { npu, kernels }) => {
      const { totalUs: total, ...parts }: ModelledTime = model(npu, shape, kernels).time;
      const values = Object.values(parts);
      assert.is(values.length, 6);
      assert.ok(values.every((value) => value >= 0));
      assertWithin(
        values.reduce((sum, value) => sum + value, 0),
        total,
        1e-12,
      );
    }),
  );
});

test.run();
