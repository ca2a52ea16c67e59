import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { matrix } from '../../src/quant/matrix.js';
import { weightError } from '../../src/quant/weight-error.js';

test('the error is relative to the norm of the weight', () => {
  const weight = matrix(Float32Array.of(3, 0, 0, -4), 2, 2);
  const dequantized = matrix(Float32Array.of(3, 0.5, 0, -4), 2, 2);
  assert.equal(weightError(weight, dequantized), { relativeFrobenius: 0.1, largest: 0.5 });
});

test('sums do not lose what float32 would', () => {
  const weight = matrix(new Float32Array(100_001).fill(2 ** -13).fill(1, 0, 1), 100_001, 1);
  const dequantized = matrix(new Float32Array(100_001), 100_001, 1);
  assert.equal(weightError(weight, dequantized), { relativeFrobenius: 1, largest: 1 });
  const onlyFirst = matrix(new Float32Array(100_001).fill(1, 0, 1), 100_001, 1);
  const expected = Math.sqrt((100_000 * 2 ** -26) / (1 + 100_000 * 2 ** -26));
  assert.ok(Math.abs(weightError(weight, onlyFirst).relativeFrobenius - expected) < 1e-12);
});

test('a zero weight that stays zero has no error', () => {
  const zeros = matrix(new Float32Array(4), 2, 2);
  assert.equal(weightError(zeros, zeros), { relativeFrobenius: 0, largest: 0 });
});

test('matrices of other dimensions are refused, also with as many values', () => {
  assert.throws(
    () => weightError(matrix(new Float32Array(6), 2, 3), matrix(new Float32Array(6), 3, 2)),
    /2 x 3 with 3 x 2/,
  );
});

test.run();
