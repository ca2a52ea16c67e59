import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { GemmShape } from '../../../../src/runtime/devices/device.js';
import {
  group32Kernels,
  group128Kernels,
  type KernelTable,
  w8a8Kernels,
  w8a16Kernels,
} from '../../../../src/runtime/devices/npu/kernels.js';
import { planTiles } from '../../../../src/runtime/devices/npu/plan.js';

/** Weights of one token: [k, n, how many]. */
type Weights = readonly (readonly [k: number, n: number, count: number])[];

function dispatchesPerToken(weights: Weights, kernels: KernelTable): number {
  return weights.reduce((sum, [k, n, count]) => sum + count * planTiles({ m: 1, k, n }, kernels).dispatches, 0);
}

function opt(layers: number, hidden: number, { grouped }: { grouped: boolean }): Weights {
  const attention: Weights = grouped
    ? [
        [hidden, 3 * hidden, layers],
        [hidden, hidden, layers],
      ]
    : [[hidden, hidden, 4 * layers]];
  return [...attention, [hidden, 4 * hidden, layers], [4 * hidden, hidden, layers], [hidden, 50272, 1]];
}

/** The kernels of the first release: one weight shape. */
const firstKernels: KernelTable = {
  ...w8a8Kernels,
  rows: [1, 8],
  weights: [{ k: 2048, n: 2048 }],
  chooseWeights: () => ({ k: 2048, n: 2048 }),
};

const dispatchCounts: readonly (readonly [string, Weights, KernelTable, number])[] = [
  ['OPT-1.3b, first kernels', opt(24, 2048, { grouped: false }), firstKernels, 313],
  ['OPT-1.3b', opt(24, 2048, { grouped: false }), w8a8Kernels, 151],
  ['OPT-1.3b, grouped q, k, v', opt(24, 2048, { grouped: true }), w8a8Kernels, 103],
  ['OPT-125m, first kernels', opt(12, 768, { grouped: false }), firstKernels, 121],
  ['OPT-125m', opt(12, 768, { grouped: false }), w8a8Kernels, 79],
  ['OPT-125m, grouped q, k, v', opt(12, 768, { grouped: true }), w8a8Kernels, 55],
  ['OPT-2.7b', opt(32, 2560, { grouped: false }), w8a8Kernels, 1202],
  ['OPT-2.7b, grouped q, k, v', opt(32, 2560, { grouped: true }), w8a8Kernels, 1074],
];

for (const [name, weights, kernels, expected] of dispatchCounts) {
  test(`${name}: ${expected} dispatches a token`, () => {
    assert.is(dispatchesPerToken(weights, kernels), expected);
  });
}

test('one kernel takes a shape of the table whole', () => {
  assert.equal(planTiles({ m: 8, k: 11008, n: 4096 }, group128Kernels), {
    shape: { m: 8, k: 11008, n: 4096 },
    tiles: [{ m: 8, k: 11008, n: 4096, count: 1 }],
    dispatches: 1,
    paddedShape: { m: 8, k: 11008, n: 4096 },
    buffers: { activationBytes: 8 * 11008 * 2, weightBytes: 86 * 32 * 8512, outputBytes: 8 * 4096 * 4 },
    hostAccumulations: 0,
  });
});

test('columns beyond the kernel become more dispatches without accumulation', () => {
  const plan = planTiles({ m: 8, k: 6144, n: 24576 }, group128Kernels);
  assert.equal(plan.tiles, [{ m: 8, k: 11008, n: 4096, count: 6 }]);
  assert.equal(plan.paddedShape, { m: 8, k: 11008, n: 24576 });
  assert.is(plan.hostAccumulations, 0);
});

test('depth beyond the kernel is accumulated by the host', () => {
  const plan = planTiles({ m: 8, k: 24576, n: 6144 }, group128Kernels);
  assert.equal(plan.tiles, [{ m: 8, k: 11008, n: 4096, count: 6 }]);
  assert.equal(plan.paddedShape, { m: 8, k: 33024, n: 8192 });
  assert.is(plan.hostAccumulations, 4);
});

const weightChoices: readonly (readonly [KernelTable, number, number, number, number])[] = [
  [w8a8Kernels, 2048, 2048, 2048, 2048],
  [w8a8Kernels, 2048, 2049, 2048, 8192],
  [w8a8Kernels, 2049, 2048, 8192, 2048],
  [w8a8Kernels, 2049, 2049, 2048, 2048],
  [w8a16Kernels, 4096, 4096, 4096, 4096],
  [w8a16Kernels, 4097, 4096, 11264, 4096],
  [w8a16Kernels, 11008, 4097, 4096, 11008],
  [group32Kernels, 4096, 4096, 4096, 4096],
  [group32Kernels, 4096, 11008, 4096, 12288],
  [group32Kernels, 4096, 12289, 4096, 32768],
  [group32Kernels, 4097, 12289, 11008, 4096],
];

for (const [kernels, k, n, expectedK, expectedN] of weightChoices) {
  test(`${kernels.flow} weights ${k}x${n} use the kernel ${expectedK}x${expectedN}`, () => {
    assert.equal(kernels.chooseWeights(k, n), { k: expectedK, n: expectedN });
  });
}

const rowChoices: readonly (readonly [KernelTable, number, number, number])[] = [
  [w8a8Kernels, 1, 1, 1],
  [w8a8Kernels, 2, 8, 8],
  [w8a8Kernels, 9, 16, 16],
  [w8a8Kernels, 17, 32, 32],
  [w8a8Kernels, 33, 64, 64],
  [w8a8Kernels, 65, 64, 128],
  [w8a16Kernels, 9, 32, 32],
  [group128Kernels, 9, 32, 32],
  [group128Kernels, 33, 32, 64],
];

for (const [kernels, rows, kernelRows, paddedRows] of rowChoices) {
  test(`${kernels.flow}: ${rows} rows use kernels of ${kernelRows} rows, ${paddedRows} in all`, () => {
    const plan = planTiles({ m: rows, k: 4096, n: 4096 }, kernels);
    assert.is(plan.tiles[0]?.m, kernelRows);
    assert.is(plan.paddedShape.m, paddedRows);
  });
}

test('group weights are packed with their scales and zero points', () => {
  assert.is(group32Kernels.packedBytes({ k: 32, n: 128 }), 2368);
  assert.is(group128Kernels.packedBytes({ k: 128, n: 128 }), 8512);
});

const dimension = fc.integer({ min: 1, max: 40_000 });
const shapes: fc.Arbitrary<GemmShape> = fc.record({ m: fc.integer({ min: 1, max: 3000 }), k: dimension, n: dimension });
const tables = fc.constantFrom(w8a8Kernels, w8a16Kernels, group32Kernels, group128Kernels);

test('the tiles cover the padded shape exactly, and it is the smallest that covers the shape', () => {
  fc.assert(
    fc.property(shapes, tables, (shape, kernels) => {
      const { tiles, dispatches, paddedShape } = planTiles(shape, kernels);
      const [tile] = tiles;
      assert.is(tiles.length, 1);
      assert.ok(tile && kernels.rows.includes(tile.m));
      assert.ok(kernels.weights.some(({ k, n }) => k === tile.k && n === tile.n));
      assert.is(tile.count, dispatches);
      for (const axis of ['m', 'k', 'n'] as const) {
        assert.is(paddedShape[axis] % tile[axis], 0);
        assert.ok(paddedShape[axis] >= shape[axis]);
        assert.ok(paddedShape[axis] - shape[axis] < tile[axis]);
      }
      const volume = (size: GemmShape): number => size.m * size.k * size.n;
      assert.is(volume(paddedShape), dispatches * volume(tile));
    }),
  );
});

test('every dispatch copies its output or accumulates it', () => {
  fc.assert(
    fc.property(shapes, tables, (shape, kernels) => {
      const { tiles, dispatches, paddedShape, hostAccumulations } = planTiles(shape, kernels);
      const [tile] = tiles;
      assert.ok(tile);
      const copies = (paddedShape.m / tile.m) * (paddedShape.n / tile.n);
      assert.is(dispatches - hostAccumulations, copies);
    }),
  );
});

test.run();
