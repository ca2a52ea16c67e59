import * as fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { QuernError } from '../../src/errors.js';
import { dequantizeInt8 } from '../../src/quant/dequantize.js';
import { quantizeInt8Torch } from '../../src/quant/int8-torch.js';
import type { Int8Granularity } from '../../src/quant/int8-weight.js';
import { matrix } from '../../src/quant/matrix.js';
import { granularities, matrices, permuteColumns } from './arbitraries.js';
import { arraysSha256, goldenCases } from './golden/fixture.js';
import { generate, type MatrixSpecification } from './golden/generate.js';

interface GoldenCase {
  readonly matrix: MatrixSpecification;
  readonly granularity: Int8Granularity;
  readonly sha256: string;
}

test('codes and scales are those of torch, bit for bit', () => {
  for (const { matrix, granularity, sha256 } of goldenCases<GoldenCase>('int8-torch.json')) {
    const { codes, scales } = quantizeInt8Torch(generate(matrix), granularity);
    assert.is(arraysSha256(codes, scales), sha256, `${granularity} ${JSON.stringify(matrix)}`);
  }
});

test('ties go to the even code and the positive extreme is clamped', () => {
  const weight = matrix(Float32Array.of(127.5, -127.5, 0.5, 1.5, -2.5, 0.75), 2, 3);
  const { codes, scales } = quantizeInt8Torch(weight, 'tensor');
  assert.equal([...scales], [1]);
  assert.equal([...codes], [127, -128, 0, 2, -2, 1]);
});

test('an all-zero weight gets the smallest scale and zero codes', () => {
  const { codes, scales } = quantizeInt8Torch(matrix(new Float32Array(6), 2, 3), 'channel');
  assert.equal([...scales], [2 ** -23, 2 ** -23, 2 ** -23]);
  assert.equal([...codes], [0, 0, 0, 0, 0, 0]);
});

test('values that are not finite are refused by their place', () => {
  for (const value of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) {
    for (const granularity of ['tensor', 'channel'] as const) {
      assert.throws(
        () => quantizeInt8Torch(matrix(Float32Array.of(1, 2, 3, 4, value, 6), 2, 3), granularity),
        (error: unknown) => error instanceof QuernError && error.message.includes(`${value} at row 1, column 1`),
      );
    }
  }
});

test('a value is off by half a scale at most, and by less than one where the code is clamped', () => {
  fc.assert(
    fc.property(matrices(), granularities, (weight, granularity) => {
      const quantized = quantizeInt8Torch(weight, granularity);
      const restored = dequantizeInt8(quantized).values;
      for (let index = 0; index < restored.length; index++) {
        const scale = quantized.scales[granularity === 'tensor' ? 0 : index % weight.columns]!;
        const bound = quantized.codes[index] === 127 ? 1 : 0.5;
        const error = Math.abs(weight.values[index]! - restored[index]!);
        assert.ok(error <= scale * bound * (1 + 1e-4), `${error} with scale ${scale}`);
      }
    }),
  );
});

test('what codes stand for is quantized to the same codes on the same scale', () => {
  const weight = matrix(Float32Array.of(127.5, 3.2, -127.9, 55.5, 17.1, -0.4), 3, 2);
  const once = quantizeInt8Torch(weight, 'tensor');
  const restored = dequantizeInt8(once);
  // The largest value sets the scale: it is restored by hand, as codes can't reach it.
  restored.values[2] = weight.values[2]!;
  assert.equal(quantizeInt8Torch(restored, 'tensor'), once);
});

test('each channel is quantized on its own, wherever it stands', () => {
  fc.assert(
    fc.property(matrices(), fc.nat(), (weight, seed) => {
      const { permuted, order } = permuteColumns(weight, seed);
      const straight = quantizeInt8Torch(weight, 'channel');
      const shuffled = quantizeInt8Torch(permuted, 'channel');
      for (const [column, original] of order.entries()) {
        assert.is(shuffled.scales[column], straight.scales[original]);
        for (let row = 0; row < weight.rows; row++) {
          const at = row * weight.columns;
          assert.is(shuffled.codes[at + column], straight.codes[at + original]);
        }
      }
    }),
  );
});

test.run();
