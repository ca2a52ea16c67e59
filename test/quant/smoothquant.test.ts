import * as fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { QuernError } from '../../src/errors.js';
import { type Matrix, matrix } from '../../src/quant/matrix.js';
import {
  centredScales,
  channelNorms,
  extremesOf,
  largestOfChannels,
  scalesOfFeatures,
  smoothingScales,
  smoothNorm,
  smoothWeight,
} from '../../src/quant/smoothquant.js';
import { matrices } from './arbitraries.js';
import { goldenCases } from './golden/fixture.js';
import { generate, type MatrixSpecification } from './golden/generate.js';

interface GoldenCase {
  readonly alpha: number;
  readonly activation: readonly number[];
  readonly matrices: readonly MatrixSpecification[];
  /** A row that is set to 0 in every matrix. */
  readonly zeroRow: number;
  readonly scales: readonly number[];
}

const floor = Math.fround(1e-5);

test('scales agree with the formula in torch to the rounding of float32', () => {
  for (const { alpha, activation, matrices, zeroRow, scales } of goldenCases<GoldenCase>('smoothquant.json')) {
    const weights = matrices.map(generate);
    for (const { values, columns } of weights) values.fill(0, zeroRow * columns, (zeroRow + 1) * columns);
    const found = smoothingScales(Float32Array.from(activation), weights, alpha);
    for (const [feature, expected] of scales.entries()) {
      const error = Math.abs(found[feature]! / expected - 1);
      assert.ok(error < 1e-6, `alpha ${alpha}, feature ${feature}: ${found[feature]} instead of ${expected}`);
    }
  }
});

test('the largest row of any weight of the group counts', () => {
  const weights = [matrix(Float32Array.of(1, -4, 9, 2), 2, 2), matrix(Float32Array.of(-16, 1), 2, 1)];
  assert.equal([...smoothingScales(Float32Array.of(64, 36), weights, 0.5)], [2, 2]);
});

test('features that are one channel share a scale, by the largest magnitudes of any of them', () => {
  const channels = Int32Array.of(0, 1, 0, 1);
  const weight = matrix(Float32Array.of(1, 2, 4, 1), 4, 1);
  const scales = smoothingScales(Float32Array.of(16, 1, 4, 8), [weight], 0.5, channels);
  assert.equal([...scales], [2, 2]);
  assert.equal([...scalesOfFeatures(Float32Array.of(3, 5), channels)], [3, 5, 3, 5]);
  assert.equal([...largestOfChannels(Float32Array.of(1, -2, -7, 1), channels)], [-7, -2]);
  assert.equal([...channelNorms([weight, matrix(Float32Array.of(0, 2, 8, 4), 4, 1)], channels)], [9, 5]);
});

test('centred scales have the geometric mean 1, and leave channels alone that were never active', () => {
  const centred = centredScales(Float32Array.of(floor, 2, 8), Float32Array.of(0, 1, 1));
  assert.equal([...centred], [1, 0.5, 2]);
  assert.equal([...centredScales(Float32Array.of(floor), Float32Array.of(0))], [1]);
});

test('the extreme of a channel has its sign', () => {
  assert.equal([...extremesOf(Float32Array.of(1, -2, 0, -3, 2, 0), 3)], [-3, -2, 0]);
});

test('a dead channel gets the floor, a dead weight row counts as 1e-5', () => {
  const weight = matrix(Float32Array.of(0.5, 0), 2, 1);
  const [dead, unused] = smoothingScales(Float32Array.of(0, 1), [weight], 0.5);
  assert.is(dead, floor);
  assert.ok(Math.abs(unused! / Math.sqrt(1e5) - 1) < 1e-6);
  const [withoutActivation] = smoothingScales(Float32Array.of(0, 1), [weight], 0);
  assert.is(withoutActivation, 2);
});

test('no scale is NaN, infinite or below the floor, whatever is dead', () => {
  const magnitude = fc.oneof(fc.constant(0), fc.constant(3.4e38), fc.float({ min: 0, max: 1000, noNaN: true }));
  fc.assert(
    fc.property(magnitude, magnitude, fc.double({ min: 0, max: 1, noNaN: true }), (activation, weight, alpha) => {
      const [scale] = smoothingScales(Float32Array.of(activation), [matrix(Float32Array.of(weight), 1, 1)], alpha);
      assert.ok(Number.isFinite(scale) && scale! >= floor, `${scale}`);
    }),
  );
});

test('statistics that are not magnitudes and weights that are not finite are refused', () => {
  const weight = matrix(Float32Array.of(1, 1), 2, 1);
  for (const value of [Number.NaN, Number.POSITIVE_INFINITY, -1]) {
    assert.throws(
      () => smoothingScales(Float32Array.of(1, value), [weight], 0.5),
      (error: unknown) => error instanceof QuernError && error.message.includes('input feature 1'),
    );
  }
  assert.throws(
    () => smoothingScales(Float32Array.of(1, 1), [matrix(Float32Array.of(1, Number.NaN), 2, 1)], 0.5),
    (error: unknown) => error instanceof QuernError,
  );
});

test('dimensions that do not match are refused', () => {
  const weight = matrix(Float32Array.of(1, 1), 2, 1);
  assert.throws(() => smoothingScales(Float32Array.of(1), [weight], 0.5), /2 input features/);
  assert.throws(() => smoothingScales(Float32Array.of(1, 1), [], 0.5), /needs a weight/);
  assert.throws(() => smoothingScales(Float32Array.of(1, 1), [weight], 1.5), /alpha/);
  assert.throws(() => smoothNorm(Float32Array.of(1), Float32Array.of(1, 2)), /1 input features/);
  assert.throws(() => smoothWeight(weight, Float32Array.of(1)), /2 input features/);
});

test('the smoothed layer computes what the original computes', () => {
  fc.assert(
    fc.property(matrices(), fc.double({ min: 0, max: 1, noNaN: true }), fc.nat(), (weight, alpha, seed) => {
      const size = { rows: 1, columns: weight.rows, seed, size: 4 };
      const norm = generate({ kind: 'uniform', ...size }).values;
      const activation = generate({ kind: 'outliers', ...size }).values.map(Math.abs);
      const scales = smoothingScales(activation, [weight], alpha);
      const before = product(norm, weight);
      const after = product(smoothNorm(norm, scales), smoothWeight(weight, scales));
      for (const [column, { sum, magnitude }] of before.entries()) {
        const error = Math.abs(after[column]!.sum - sum);
        assert.ok(error <= 1e-6 * magnitude, `${error} of ${magnitude}`);
      }
    }),
  );
});

/** vector times matrix in float64, with the sum of the terms' magnitudes, which errors are relative to. */
function product(vector: Float32Array, { values, columns }: Matrix): { sum: number; magnitude: number }[] {
  const sums = Array.from({ length: columns }, () => ({ sum: 0, magnitude: 0 }));
  for (const [index, value] of values.entries()) {
    const term = vector[Math.floor(index / columns)]! * value;
    const column = sums[index % columns]!;
    column.sum += term;
    column.magnitude += Math.abs(term);
  }
  return sums;
}

test.run();
