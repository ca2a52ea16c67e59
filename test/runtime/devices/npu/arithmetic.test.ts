import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { QuernError } from '../../../../src/errors.js';
import {
  dequantize,
  gemmInt8,
  gemmInt8Tiled,
  largestExactDepth,
  quantizeActivations,
} from '../../../../src/runtime/devices/npu/arithmetic.js';

test('the largest magnitude becomes 128: exact when negative, saturated when positive', () => {
  assert.equal(quantizeActivations(Float32Array.of(-128, 127, 1)), { values: Int8Array.of(-128, 127, 1), scale: 1 });
  assert.equal(quantizeActivations(Float32Array.of(128, -127, 1)), { values: Int8Array.of(127, -127, 1), scale: 1 });
});

test('ties are rounded to the even integer', () => {
  const activations = Float32Array.of(-128, 0.5, 1.5, 2.5, -0.5, -1.5, -2.5, 126.5);
  assert.equal([...quantizeActivations(activations).values], [-128, 0, 2, 2, 0, -2, -2, 126]);
});

test('the quotient is rounded to float32 before it is rounded to an integer', () => {
  const largest = Math.fround(7.7);
  const scale = Math.fround(largest / 128);
  const value = Math.fround(scale * 2.5);
  assert.ok(value / scale > 2.5);
  const { values, scale: actual } = quantizeActivations(Float32Array.of(largest, value));
  assert.is(actual, scale);
  assert.equal([...values], [127, 2]);
});

test('one scale serves the whole matrix', () => {
  const { values, scale } = quantizeActivations(Float32Array.of(0.25, -0.5, 64, -32));
  assert.is(scale, 0.5);
  assert.equal([...values], [0, -1, 127, -64]);
});

for (const [name, activations] of [
  ['no activations', Float32Array.of()],
  ['zeros', Float32Array.of(0, -0, 0)],
  ['values too small to divide by 128', Float32Array.of(2 ** -149, -(2 ** -148))],
] as const) {
  test(`${name} give zeros, not NaN`, () => {
    const { values, scale } = quantizeActivations(activations);
    assert.equal(
      [...values],
      [...activations].map(() => 0),
    );
    assert.is(scale, 1);
  });
}

for (const value of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) {
  test(`an activation of ${value} is refused with its place`, () => {
    assert.throws(
      () => quantizeActivations(Float32Array.of(1, 2, value)),
      (error: unknown) => error instanceof QuernError && error.message.startsWith(`activation 2 is ${value}`),
    );
  });
}

test('products are summed exactly', () => {
  const a = Int8Array.of(1, -2, 3, 4, 5, -6);
  const b = Int8Array.of(7, 8, 9, 10, 11, -12);
  assert.equal([...gemmInt8(a, b, { m: 2, k: 3, n: 2 })], [22, -48, 7, 154]);
});

test('the deepest sum of the largest products fits int32, a deeper one is refused', () => {
  const deepest = new Int8Array(largestExactDepth).fill(-128);
  assert.equal([...gemmInt8(deepest, deepest, { m: 1, k: largestExactDepth, n: 1 })], [largestExactDepth * 16384]);
  assert.ok(largestExactDepth * 16384 < 2 ** 31 && (largestExactDepth + 1) * 16384 >= 2 ** 31);
  const deeper = new Int8Array(largestExactDepth + 1);
  assert.throws(() => gemmInt8(deeper, deeper, { m: 1, k: largestExactDepth + 1, n: 1 }), /overflow int32/);
});

test('matrices of another size than the shape are refused', () => {
  assert.throws(() => gemmInt8(new Int8Array(3), new Int8Array(4), { m: 2, k: 2, n: 2 }), /sizes do not match/);
  assert.throws(
    () => gemmInt8Tiled(new Int8Array(4), new Int8Array(3), { m: 2, k: 2, n: 2 }, { m: 1, k: 1, n: 1 }),
    /sizes do not match/,
  );
});

const size = fc.integer({ min: 1, max: 9 });
const shapes = fc.record({ m: size, k: size, n: size });
const products = shapes.chain((shape) =>
  fc.record({
    shape: fc.constant(shape),
    a: fc.int8Array({ minLength: shape.m * shape.k, maxLength: shape.m * shape.k }),
    b: fc.int8Array({ minLength: shape.k * shape.n, maxLength: shape.k * shape.n }),
  }),
);

test('tiling does not change the product', () => {
  fc.assert(
    fc.property(products, shapes, ({ shape, a, b }, tile) => {
      assert.equal(gemmInt8Tiled(a, b, shape, tile), gemmInt8(a, b, shape));
    }),
  );
});

test('every activation is at most half a scale off, but for the one that saturates', () => {
  const activations = fc.float32Array({ minLength: 1, maxLength: 40, noNaN: true, noDefaultInfinity: true });
  fc.assert(
    fc.property(activations, (values) => {
      const quantized = quantizeActivations(values);
      for (const [index, value] of values.entries()) {
        const code = quantized.values[index] ?? Number.NaN;
        const allowed = code === 127 ? 1 : 0.5;
        if (Math.abs(value) > 2 ** -120) assert.ok(Math.abs(value / quantized.scale - code) <= allowed + 1e-4);
      }
    }),
  );
});

test('dequantizing rounds the accumulator and the scale to float32 before it multiplies', () => {
  const activationScale = Math.fround(0.1);
  const weightScale = Math.fround(0.003);
  const scale = Math.fround(activationScale * weightScale);
  assert.not.equal(scale, activationScale * weightScale);
  const outputs = dequantize(Int32Array.of(0, 1, -3, 16_777_217), activationScale, weightScale);
  assert.equal([...outputs], [0, scale, Math.fround(-3 * scale), Math.fround(16_777_216 * scale)]);
});

test.run();
