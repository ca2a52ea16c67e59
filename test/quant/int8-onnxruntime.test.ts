import * as fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { QuernError } from '../../src/errors.js';
import { dequantizeInt8 } from '../../src/quant/dequantize.js';
import { quantizeInt8OnnxRuntime } from '../../src/quant/int8-onnxruntime.js';
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

test('codes and scales are those of quantize_dynamic, bit for bit', () => {
  for (const { matrix, granularity, sha256 } of goldenCases<GoldenCase>('int8-onnxruntime.json')) {
    const { codes, scales } = quantizeInt8OnnxRuntime(generate(matrix), granularity);
    assert.is(arraysSha256(codes, scales), sha256, `${granularity} ${JSON.stringify(matrix)}`);
  }
});

test('ties go to the even code and both extremes are reached', () => {
  const weight = matrix(Float32Array.of(127, -127, 0.5, 1.5, -2.5, 0.75), 2, 3);
  const { codes, scales } = quantizeInt8OnnxRuntime(weight, 'tensor');
  assert.equal([...scales], [1]);
  assert.equal([...codes], [127, -127, 0, 2, -2, 1]);
});

test('a channel too small for a normal scale gets scale 1 and zero codes', () => {
  const weight = matrix(Float32Array.of(0, 2 ** -120, 127, 0, -(2 ** -121), 1), 2, 3);
  const { codes, scales } = quantizeInt8OnnxRuntime(weight, 'channel');
  assert.equal([...scales], [1, 1, 1]);
  assert.equal([...codes], [0, 0, 127, 0, 0, 1]);
});

test('values that are not finite are refused', () => {
  assert.throws(
    () => quantizeInt8OnnxRuntime(matrix(Float32Array.of(1, Number.NaN), 1, 2), 'tensor'),
    (error: unknown) => error instanceof QuernError && error.code === 'input',
  );
});

test('a value is off by half a scale at most', () => {
  fc.assert(
    fc.property(matrices(), granularities, (weight, granularity) => {
      const quantized = quantizeInt8OnnxRuntime(weight, granularity);
      const restored = dequantizeInt8(quantized).values;
      for (let index = 0; index < restored.length; index++) {
        const scale = quantized.scales[granularity === 'tensor' ? 0 : index % weight.columns]!;
        const error = Math.abs(weight.values[index]! - restored[index]!);
        assert.ok(error <= (scale / 2) * (1 + 1e-4), `${error} with scale ${scale}`);
      }
    }),
  );
});

test('quantizing what codes stand for gives the same codes', () => {
  fc.assert(
    fc.property(matrices(), granularities, (weight, granularity) => {
      const once = quantizeInt8OnnxRuntime(weight, granularity);
      assert.equal(quantizeInt8OnnxRuntime(dequantizeInt8(once), granularity).codes, once.codes);
    }),
  );
});

test('each channel is quantized on its own, wherever it stands', () => {
  fc.assert(
    fc.property(matrices(), fc.nat(), (weight, seed) => {
      const { permuted, order } = permuteColumns(weight, seed);
      const straight = quantizeInt8OnnxRuntime(weight, 'channel');
      const shuffled = quantizeInt8OnnxRuntime(permuted, 'channel');
      assert.equal(
        [...shuffled.scales],
        order.map((original) => straight.scales[original]),
      );
      for (let index = 0; index < weight.values.length; index++) {
        const column = index % weight.columns;
        assert.is(shuffled.codes[index], straight.codes[index - column + order[column]!]);
      }
    }),
  );
});

test.run();
