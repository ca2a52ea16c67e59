import * as fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { bfloat16ToFloat32, float32ToBfloat16 } from '../../src/numerics/half.js';
import { dequantizeNBits } from '../../src/quant/dequantize.js';
import {
  encodeGroups,
  findGroupParameters,
  type GroupOptions,
  type GroupSize,
  groupError,
  pseudoQuantizeGroups,
  quantizeGroups,
  type WeightChange,
} from '../../src/quant/groups.js';
import { type Matrix, matrix } from '../../src/quant/matrix.js';
import { nbitsBlocks } from '../../src/quant/nbits-weight.js';
import { weightError } from '../../src/quant/weight-error.js';
import { matrices } from './arbitraries.js';
import * as plain from './plain/groups.js';

const options: fc.Arbitrary<GroupOptions> = fc.record({
  bits: fc.constantFrom(2, 3, 4, 8),
  group: fc.constantFrom<GroupSize>(...nbitsBlocks, 'channel'),
  symmetric: fc.boolean(),
});

function plainOptions({ rows }: Matrix, { bits, group, symmetric }: GroupOptions): plain.PlainGroups {
  return { bits, group: group === 'channel' ? rows : group, symmetric };
}

/** The code of row k and column n of a weight in MatMulNBits' layout. */
function codeAt(weight: ReturnType<typeof quantizeGroups>, row: number, column: number): number {
  const { bits, block, codes, rows } = weight;
  const columnBytes = (Math.ceil(rows / block) * block * bits) / 8;
  const byte = codes[column * columnBytes + Math.floor((row * bits) / 8)]!;
  return (byte >> ((row * bits) % 8)) & (2 ** bits - 1);
}

function errorOf(weight: Matrix, chosen: GroupOptions, change: WeightChange): Matrix {
  const error = matrix(new Float32Array(weight.values.length), weight.rows, weight.columns);
  groupError(weight, chosen, change, error);
  return error;
}

test('codes, scales and zero points are those found value by value', () => {
  fc.assert(
    fc.property(matrices(), options, (weight, chosen) => {
      const found = quantizeGroups(weight, chosen);
      const expected = plain.quantizeGroups(weight, plainOptions(weight, chosen));
      for (const [index, code] of expected.codes.entries()) {
        assert.is(codeAt(found, Math.floor(index / weight.columns), index % weight.columns), code);
      }
      const restored = plain.dequantizeGroups(weight, plainOptions(weight, chosen).group, expected);
      assert.equal(dequantizeNBits(found).values, restored.values);
    }),
  );
});

test('quantizing and dequantizing in one pass is the same, bit for bit', () => {
  fc.assert(
    fc.property(matrices(), options, (weight, chosen) => {
      assert.equal(pseudoQuantizeGroups(weight, chosen).values, dequantizeNBits(quantizeGroups(weight, chosen)).values);
    }),
  );
});

test('the error of a weight with scaled rows is the one found value by value', () => {
  fc.assert(
    fc.property(matrices(), options, (weight, chosen) => {
      const factors = Float32Array.from({ length: weight.rows }, (_, row) => 0.25 + ((row * 7) % 13) / 3);
      const expected = plain.groupError(weight, plainOptions(weight, chosen), factors);
      assert.equal(errorOf(weight, chosen, { rowFactors: factors }).values, expected.values);
    }),
  );
});

test('the error of a weight whose groups are limited is the one found value by value', () => {
  fc.assert(
    fc.property(matrices(), options, fc.constantFrom(1, 0.95, 0.55), (weight, chosen, share) => {
      const limited = plain.limitGroups(weight, plainOptions(weight, chosen).group, share);
      const restored = pseudoQuantizeGroups(limited, chosen).values;
      const expected = weight.values.map((value, index) => value - restored[index]!);
      assert.equal(errorOf(weight, chosen, { boundShare: share }).values, expected);
    }),
  );
});

test('what a weight becomes has the same codes again', () => {
  fc.assert(
    fc.property(matrices(), options, (weight, chosen) => {
      const parameters = findGroupParameters(weight, chosen);
      const once = encodeGroups(weight, chosen, parameters);
      assert.equal(encodeGroups(dequantizeNBits(once), chosen, parameters), once);
    }),
  );
});

test('scales are bfloat16 values, the smallest 1e-5 over the largest code', () => {
  const weight = matrix(Float32Array.of(0.123456, -1.987654, 0, 0), 2, 2);
  const { scales } = quantizeGroups(weight, { bits: 4, group: 16, symmetric: false });
  for (const scale of scales) assert.is(scale, bfloat16ToFloat32(float32ToBfloat16(scale)));
  const zeros = quantizeGroups(matrix(new Float32Array(4), 2, 2), { bits: 4, group: 16, symmetric: false });
  assert.equal([...dequantizeNBits(zeros).values], [0, 0, 0, 0]);
  assert.is(zeros.scales[0], bfloat16ToFloat32(float32ToBfloat16(1e-5 / 15)));
});

test('one scale a channel is repeated for each block', () => {
  const weight = matrix(
    Float32Array.from({ length: 600 }, (_, index) => Math.sin(index)),
    600,
    1,
  );
  const { block, scales, codes } = quantizeGroups(weight, { bits: 4, group: 'channel', symmetric: true });
  assert.is(block, 256);
  assert.is(scales.length, 3);
  assert.is(new Set(scales).size, 1);
  assert.is(codes.length, 384);
});

test('narrowed ranges have an error that is no larger, and smaller with an outlier', () => {
  const values = Float32Array.from({ length: 128 }, (_, index) => Math.sin(index * index));
  values[5] = 3;
  const weight = matrix(values, 128, 1);
  for (const bits of [2, 3, 4] as const) {
    const chosen = { bits, group: 128, symmetric: false } as const;
    const full = weightError(weight, dequantizeNBits(quantizeGroups(weight, chosen)));
    const narrowed = weightError(weight, dequantizeNBits(quantizeGroups(weight, { ...chosen, clip: 'mse' })));
    assert.ok(narrowed.relativeFrobenius < full.relativeFrobenius, `${bits} bits`);
  }
});

test.run();
