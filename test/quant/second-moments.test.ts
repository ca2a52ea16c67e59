import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { type Matrix, matrix } from '../../src/quant/matrix.js';
import {
  diagonalMoments,
  foldMoments,
  groupOutputErrors,
  outputErrors,
  squaredOutput,
} from '../../src/quant/second-moments.js';
import { outputError, product, randomMatrix, transpose, weightedProducts } from './moments.js';

function momentsOf(inputs: Matrix): Matrix {
  return product(transpose(inputs), inputs);
}

function columnsOf({ values, rows, columns }: Matrix, first: number, end: number): Matrix {
  const part = Array.from({ length: rows * (end - first) }, (_, index) => {
    const width = end - first;
    return values[Math.floor(index / width) * columns + first + (index % width)]!;
  });
  return matrix(Float32Array.from(part), rows, end - first);
}

function near(found: number, expected: number, what: string): void {
  assert.ok(Math.abs(found / expected - 1) < 1e-4, `${what}: ${found} instead of ${expected}`);
}

test('output errors of second moments that fill several blocks, and the last in part', () => {
  const inputs = randomMatrix(30, 450, 1);
  const error = randomMatrix(450, 3, 2);
  const found = outputErrors(foldMoments(momentsOf(inputs)), error, weightedProducts);
  for (const [column, value] of found.entries()) {
    near(value, outputError(inputs, columnsOf(error, column, column + 1)), `column ${column}`);
  }
  const squared = squaredOutput(foldMoments(momentsOf(inputs)), error, weightedProducts);
  near(squared, outputError(inputs, error), 'all columns');
});

test('output errors of groups, of inputs that are divided by scales, with a group that is not full', () => {
  const inputs = randomMatrix(30, 40, 1);
  const error = randomMatrix(40, 3, 2);
  const scales = Float32Array.from({ length: 40 }, (_, channel) => 1 + (channel % 5));
  const divided = matrix(
    inputs.values.map((value, index) => value / scales[index % 40]!),
    30,
    40,
  );
  const found = groupOutputErrors(diagonalMoments(momentsOf(inputs), 16, scales), error, weightedProducts);
  assert.is(found.length, 9);
  for (const [place, value] of found.entries()) {
    const [first, column] = [Math.floor(place / 3) * 16, place % 3];
    const end = Math.min(first + 16, 40);
    const part = matrix(error.values.subarray(first * 3, end * 3), end - first, 3);
    near(value, outputError(columnsOf(divided, first, end), columnsOf(part, column, column + 1)), `group at ${first}`);
  }
});

test('a group that is larger than the weight', () => {
  const inputs = randomMatrix(30, 10, 1);
  const error = randomMatrix(10, 1, 2);
  const found = groupOutputErrors(diagonalMoments(momentsOf(inputs), 16), error, weightedProducts);
  near(found[0]!, outputError(inputs, error), 'the one group');
});

test.run();
