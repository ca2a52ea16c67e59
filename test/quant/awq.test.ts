import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { awqScales, searchClip, searchScales } from '../../src/quant/awq.js';
import { groupError, pseudoQuantizeGroups } from '../../src/quant/groups.js';
import { type Matrix, matrix } from '../../src/quant/matrix.js';
import { outputError, product, randomMatrix, transpose, weightedProducts } from './moments.js';

const options = { bits: 3, group: 16, symmetric: false } as const;
/** A few channels of the inputs are much larger than the others. */
const inputs = randomMatrix(100, 48, 3, (channel) => (channel % 11 === 0 ? 40 : 1));
const gram = product(transpose(inputs), inputs);
const absmean = Float32Array.from({ length: 48 }, (_, channel) => {
  const column = inputs.values.filter((_, index) => index % 48 === channel);
  return column.reduce((sum, value) => sum + Math.abs(value), 0) / column.length;
});
const weight = randomMatrix(48, 10, 5);

function difference(first: Matrix, second: Matrix): Matrix {
  const values = first.values.map((value, index) => value - second.values[index]!);
  return matrix(values, first.rows, first.columns);
}

function errorOf(weight: Matrix, rowFactors: Float32Array): Matrix {
  const error = matrix(new Float32Array(weight.values.length), weight.rows, weight.columns);
  groupError(weight, options, { rowFactors }, error);
  return error;
}

test('scales are powers of the mean magnitude around 1', () => {
  assert.equal([...awqScales(Float32Array.of(4, 1, 0.25), 0.5)], [2, 1, 0.5]);
  assert.equal([...awqScales(Float32Array.of(4, 1, 0.25), 0)], [1, 1, 1]);
  const [dead, alive] = awqScales(Float32Array.of(0, 1), 0.5);
  assert.ok(Math.abs(dead! - 0.01) < 1e-6 && Math.abs(alive! - 100) < 1e-3);
});

test('losses are the squared errors of the outputs, and the least wins', () => {
  const { scales, ratio, losses } = searchScales([weight], absmean, gram, options, 20, weightedProducts);
  assert.is(losses.length, 20);
  const direct = Array.from({ length: 20 }, (_, step) =>
    outputError(inputs, errorOf(weight, awqScales(absmean, step / 20))),
  );
  for (const [step, loss] of losses.entries()) assert.ok(Math.abs(loss / direct[step]! - 1) < 1e-4, `${step}`);
  assert.is(ratio, direct.indexOf(Math.min(...direct)) / 20);
  assert.equal(scales, awqScales(absmean, ratio));
  assert.ok(ratio > 0 && Math.min(...losses) < losses[0]! / 2);
});

test('layers that read the same input are scaled for the sum of their errors', () => {
  const other = randomMatrix(48, 6, 9);
  const both = searchScales([weight, other], absmean, gram, options, 20, weightedProducts);
  const [first, second] = [weight, other].map((each) =>
    searchScales([each], absmean, gram, options, 20, weightedProducts),
  );
  for (const [step, loss] of both.losses.entries()) {
    assert.ok(Math.abs(loss / (first!.losses[step]! + second!.losses[step]!) - 1) < 1e-6);
  }
});

test('clipping never makes the error of a group larger, and clips an outlier', () => {
  const values = weight.values.slice();
  values[7 * 10 + 2] = 2;
  const spiky = matrix(values, 48, 10);
  const even = randomMatrix(100, 48, 4);
  const moments = product(transpose(even), even);
  const found = searchClip(spiky, moments, options, weightedProducts);
  assert.ok(found.clippedShare > 0 && found.clippedShare < 1);
  assert.ok(found.weight.values[72]! < 2);
  for (let group = 0; group < 3; group++) {
    const part = (all: Matrix): Matrix => matrix(all.values.subarray(group * 160, (group + 1) * 160), 16, 10);
    const seen = matrix(
      Float32Array.from(
        { length: 1600 },
        (_, index) => even.values[Math.floor(index / 16) * 48 + group * 16 + (index % 16)]!,
      ),
      100,
      16,
    );
    const before = outputError(seen, difference(part(spiky), pseudoQuantizeGroups(part(spiky), options)));
    const after = outputError(seen, difference(part(spiky), pseudoQuantizeGroups(part(found.weight), options)));
    assert.ok(after <= before * (1 + 1e-5), `group ${group}: ${after} after ${before}`);
  }
});

test('bounds are those of the values', () => {
  const { weight: clipped, bounds } = searchClip(weight, gram, options, weightedProducts);
  for (const [index, value] of clipped.values.entries()) {
    const bound = bounds[Math.floor(index / 160) * 10 + (index % 10)]!;
    assert.is(value, Math.min(Math.max(weight.values[index]!, -bound), bound));
  }
});

test.run();
