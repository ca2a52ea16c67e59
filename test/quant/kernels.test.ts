import * as fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { scaleColumnsKernel, scaleRowsKernel } from '../../src/numerics/kernels/arithmetic.js';
import { withResidentMatrix } from '../../src/numerics/kernels/resident.js';
import { absmax, columnAbsmax, rowAbsmax } from '../../src/quant/absmax.js';
import { dequantizeInt8, dequantizeNBits } from '../../src/quant/dequantize.js';
import { quantizeInt8OnnxRuntime } from '../../src/quant/int8-onnxruntime.js';
import { quantizeInt8Torch } from '../../src/quant/int8-torch.js';
import { quantizeKQuantWithError } from '../../src/quant/k-quant.js';
import { type Matrix, matrix } from '../../src/quant/matrix.js';
import { quantizeNBits, quantizeNBitsWithError } from '../../src/quant/nbits.js';
import { nbitsBlocks } from '../../src/quant/nbits-weight.js';
import { int8Error, nbitsError } from '../../src/quant/quantization-error.js';
import { type WeightError, weightError } from '../../src/quant/weight-error.js';
import { granularities, matrices } from './arbitraries.js';
import * as plainAbsmax from './plain/absmax.js';
import * as plainDequantize from './plain/dequantize.js';
import * as plainOnnxRuntime from './plain/int8-onnxruntime.js';
import * as plainTorch from './plain/int8-torch.js';
import * as plainKQuant from './plain/k-quant.js';
import * as plainNBits from './plain/nbits.js';
import * as plainError from './plain/weight-error.js';

/** Any finite float32, and matrices that don't fit a panel or its lanes. */
const anyMatrix = fc.oneof(
  matrices(),
  fc.tuple(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 1, max: 40 })).chain(([rows, columns]) =>
    fc
      .array(fc.float({ noNaN: true, noDefaultInfinity: true }), {
        minLength: rows * columns,
        maxLength: rows * columns,
      })
      .map((values) => matrix(Float32Array.from(values), rows, columns)),
  ),
);

const wide = spread(3, 300_001);
const tall = spread(9_001, 70);

/** A large matrix of values over many magnitudes. */
function spread(rows: number, columns: number): Matrix {
  let state = 1;
  const values = Float32Array.from({ length: rows * columns }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return (state / 2 ** 31 - 1) * 2 ** ((state >>> 8) % 20);
  });
  return matrix(values, rows, columns);
}

function bitsOf(values: Float32Array): Uint32Array {
  return new Uint32Array(values.buffer, values.byteOffset, values.length);
}

function sameBits(found: Float32Array, expected: Float32Array, what: string): void {
  assert.is(found.length, expected.length, what);
  const [first, second] = [bitsOf(found), bitsOf(expected)];
  const index = first.findIndex((bits, place) => bits !== second[place]);
  assert.is(index, -1, `${what}: ${found[index]} instead of ${expected[index]} at ${index}`);
}

function sameBytes(found: Uint8Array | Int8Array, expected: Uint8Array | Int8Array, what: string): void {
  assert.is(Buffer.compare(bufferOf(found), bufferOf(expected)), 0, what);
}

function bufferOf(bytes: Uint8Array | Int8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** Checks a property on generated matrices and on two large ones. */
function forMatrices(check: (weight: Matrix) => void): void {
  fc.assert(fc.property(anyMatrix, check));
  for (const weight of [wide, tall]) check(weight);
}

test('magnitudes', () => {
  forMatrices((weight) => {
    assert.is(absmax(weight.values), plainAbsmax.absmax(weight.values));
    sameBits(columnAbsmax(weight), plainAbsmax.columnAbsmax(weight), 'columns');
    if (weight.rows < 100) sameBits(rowAbsmax(weight), plainAbsmax.rowAbsmax(weight), 'rows');
  });
});

test('magnitudes of NaN, infinities and nothing', () => {
  for (const values of [[], [Number.NaN, 1], [1, Number.NaN], [Number.NEGATIVE_INFINITY, 3], [-0]]) {
    const vector = Float32Array.from(values);
    assert.ok(Object.is(absmax(vector), plainAbsmax.absmax(vector)), String(values));
  }
});

test('int8', () => {
  fc.assert(
    fc.property(anyMatrix, granularities, (weight, granularity) => {
      const torch = quantizeInt8Torch(weight, granularity);
      const plain = plainTorch.quantizeInt8Torch(weight, granularity);
      sameBytes(torch.codes, plain.codes, 'torch');
      sameBits(torch.scales, plain.scales, 'scales of torch');
      sameBits(dequantizeInt8(torch).values, plainDequantize.dequantizeInt8(plain).values, 'values');
      const onnxRuntime = quantizeInt8OnnxRuntime(weight, granularity);
      const plainCodes = plainOnnxRuntime.quantizeInt8OnnxRuntime(weight, granularity);
      sameBytes(onnxRuntime.codes, plainCodes.codes, 'ONNX Runtime');
      sameBits(onnxRuntime.scales, plainCodes.scales, 'scales of ONNX Runtime');
    }),
  );
  for (const granularity of ['tensor', 'channel'] as const) {
    const torch = quantizeInt8Torch(tall, granularity);
    sameBytes(torch.codes, plainTorch.quantizeInt8Torch(tall, granularity).codes, granularity);
    sameBits(dequantizeInt8(torch).values, plainDequantize.dequantizeInt8(torch).values, granularity);
  }
});

test('blocks of 4 bits', () => {
  const check = (weight: Matrix, block: (typeof nbitsBlocks)[number], symmetric: boolean): void => {
    const found = quantizeNBits(weight, { block, symmetric });
    const expected = plainNBits.quantizeNBits(weight, { block, symmetric });
    sameBytes(found.codes, expected.codes, 'codes');
    sameBits(found.scales, expected.scales, 'scales');
    assert.equal(found.zeroPoints, expected.zeroPoints);
    sameBits(dequantizeNBits(found).values, plainDequantize.dequantizeNBits(expected).values, 'values');
    const resident = withResidentMatrix(weight.rows, weight.columns, (copy) => {
      copy.values.set(weight.values);
      return quantizeNBitsWithError(copy, { block, symmetric });
    });
    assert.equal(resident, quantizeNBitsWithError(weight, { block, symmetric }));
  };
  fc.assert(fc.property(anyMatrix, fc.constantFrom(...nbitsBlocks), fc.boolean(), check));
  for (const symmetric of [false, true]) {
    check(tall, 128, symmetric);
    check(spread(700, 800), 32, symmetric);
  }
});

test('blocks of k_quant', () => {
  const check = (weight: Matrix, block: (typeof nbitsBlocks)[number], bits: 4 | 8): void => {
    const { quantized, error } = quantizeKQuantWithError(weight, { block, bits });
    const expected = plainKQuant.quantizeKQuant(weight, { block, bits });
    sameBits(quantized.scales, expected.scales, 'scales');
    assert.equal(quantized.zeroPoints, expected.zeroPoints);
    sameBytes(quantized.codes, expected.codes, 'codes');
    assert.equal(error, nbitsError(weight, expected));
  };
  fc.assert(fc.property(anyMatrix, fc.constantFrom(...nbitsBlocks), fc.constantFrom(4, 8), check));
  check(spread(517, 501), 32, 4);
});

test('errors of weights', () => {
  forMatrices((weight) => {
    const other = matrix(
      weight.values.map((value, index) => value * (1 + (index % 7) / 100)),
      weight.rows,
      weight.columns,
    );
    assert.equal(weightError(weight, other), plainError.weightError(weight, other));
  });
});

test('errors of codes are those of what they stand for', () => {
  const isNear = (found: WeightError, expected: WeightError): void => {
    assert.is(found.largest, expected.largest);
    const distance = Math.abs(found.relativeFrobenius - expected.relativeFrobenius);
    assert.ok(distance <= 1e-12 * expected.relativeFrobenius, `${found.relativeFrobenius}`);
  };
  const check = (weight: Matrix): void => {
    const blocks = quantizeNBits(weight, { block: 32, symmetric: false });
    isNear(nbitsError(weight, blocks), weightError(weight, dequantizeNBits(blocks)));
    for (const granularity of ['tensor', 'channel'] as const) {
      const int8 = quantizeInt8Torch(weight, granularity);
      isNear(int8Error(weight, int8), weightError(weight, dequantizeInt8(int8)));
    }
  };
  fc.assert(fc.property(matrices(), check));
  for (const weight of [wide, tall]) check(weight);
});

test('scaled rows and columns', () => {
  forMatrices((weight) => {
    const { values, rows, columns } = weight;
    const ofRows = Float32Array.from({ length: rows }, (_, row) => 1 / (row + 3));
    const ofColumns = Float32Array.from({ length: columns }, (_, column) => 1 / (column + 3));
    const byRow = values.map((value, index) => value * ofRows[Math.floor(index / columns)]!);
    const byColumn = values.map((value, index) => value * ofColumns[index % columns]!);
    sameBits(scaleRowsKernel(weight, ofRows), byRow, 'rows');
    sameBits(scaleColumnsKernel(weight, ofColumns), byColumn, 'columns');
  });
});

test.run();
