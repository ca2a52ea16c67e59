import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { QuernError } from '../../src/errors.js';
import { dequantizeNBits } from '../../src/quant/dequantize.js';
import { type GptqOptions, prepareGptqInput, quantizeGptq } from '../../src/quant/gptq.js';
import { quantizeGroups } from '../../src/quant/groups.js';
import { type Matrix, matrix } from '../../src/quant/matrix.js';
import { outputError, product, randomMatrix, transpose, transposedProduct } from './moments.js';

const options: GptqOptions = { bits: 3, group: 32, symmetric: false, damp: 0.01, actOrder: true };
/** Neighbouring channels are alike, so that one can make up for the error of another. */
const inputs = mixed(randomMatrix(300, 160, 3));
const gram = product(transpose(inputs), inputs);
const weight = randomMatrix(160, 12, 5);

function mixed({ values, rows, columns }: Matrix): Matrix {
  const result = values.map((value, index) => {
    const channel = index % columns;
    return value + (channel === 0 ? 0 : 2 * values[index - 1]!) * (channel % 9 === 0 ? 0 : 1);
  });
  return matrix(result, rows, columns);
}

function quantizeWith(moments: Matrix, chosen: GptqOptions): ReturnType<typeof quantizeGptq> {
  return quantizeGptq(weight, prepareGptqInput(moments, chosen, transposedProduct), chosen, product);
}

function errorOf(restored: Matrix): number {
  const values = weight.values.map((value, index) => value - restored.values[index]!);
  return outputError(inputs, matrix(values, weight.rows, weight.columns));
}

test('the output error is smaller than that of rounding to nearest', () => {
  for (const bits of [2, 3, 4] as const) {
    for (const symmetric of [false, true]) {
      for (const actOrder of [false, true]) {
        const chosen = { ...options, bits, symmetric, actOrder };
        const nearest = errorOf(dequantizeNBits(quantizeGroups(weight, chosen)));
        const found = errorOf(dequantizeNBits(quantizeWith(gram, chosen)));
        assert.ok(found < nearest * 0.95, `${JSON.stringify(chosen)}: ${found} and ${nearest}`);
      }
    }
  }
});

test('with independent inputs it is rounding to nearest', () => {
  const identity = matrix(
    Float32Array.from({ length: 160 * 160 }, (_, index) => (index % 161 === 0 ? 2 : 0)),
    160,
    160,
  );
  for (const actOrder of [false, true]) {
    const found = quantizeWith(identity, { ...options, actOrder });
    assert.equal(found, quantizeGroups(weight, options));
  }
});

test('features that were never active are quantized to zero', () => {
  const values = gram.values.map((value, index) => (index % 160 === 7 || Math.floor(index / 160) === 7 ? 0 : value));
  const restored = dequantizeNBits(quantizeWith(matrix(values, 160, 160), options));
  assert.equal([...restored.values.subarray(7 * 12, 8 * 12)], new Array(12).fill(0));
});

test('moments that are not those of real inputs are refused', () => {
  const impossible = matrix(
    gram.values.map((value, index) => (index === 0 ? -1e6 : value)),
    160,
    160,
  );
  assert.throws(
    () => quantizeWith(impossible, options),
    (error: unknown) => error instanceof QuernError && error.message.includes('positive definite'),
  );
});

test.run();
