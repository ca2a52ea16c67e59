import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import {
  bfloat16ArrayToFloat32,
  bfloat16ToFloat32,
  float16ArrayToFloat32,
  float16ToFloat32,
  float32ArrayToBfloat16,
  float32ArrayToFloat16,
  float32ToBfloat16,
  float32ToFloat16,
} from '../../src/numerics/half.js';

const everyBits = Uint16Array.from({ length: 0x1_0000 }, (_, bits) => bits);

/** The value of a binary float by the definition of the format, in float64. */
function byDefinition(bits: number, exponentBits: number, fractionBits: number): number {
  const sign = bits >>> (exponentBits + fractionBits) === 1 ? -1 : 1;
  const exponent = (bits >>> fractionBits) & (2 ** exponentBits - 1);
  const fraction = bits & (2 ** fractionBits - 1);
  const bias = 2 ** (exponentBits - 1) - 1;
  if (exponent === 2 ** exponentBits - 1) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  if (exponent === 0) return sign * fraction * 2 ** (1 - bias - fractionBits);
  return sign * (1 + fraction * 2 ** -fractionBits) * 2 ** (exponent - bias);
}

/** The float32 that comes `steps` after a positive one. */
function float32Beside(value: number, steps: number): number {
  const float = Float32Array.of(value);
  const bits = new Uint32Array(float.buffer);
  bits[0] = (bits[0] ?? 0) + steps;
  return float[0] ?? Number.NaN;
}

const formats = [
  {
    name: 'float16',
    exponentBits: 5,
    fractionBits: 10,
    infinity: 0x7c00,
    widen: float16ToFloat32,
    narrow: float32ToFloat16,
    widenArray: (bits: Uint16Array) => float16ArrayToFloat32(bits),
    narrowArray: (values: Float32Array) => float32ArrayToFloat16(values),
  },
  {
    name: 'bfloat16',
    exponentBits: 8,
    fractionBits: 7,
    infinity: 0x7f80,
    widen: bfloat16ToFloat32,
    narrow: float32ToBfloat16,
    widenArray: (bits: Uint16Array) => bfloat16ArrayToFloat32(bits),
    narrowArray: (values: Float32Array) => float32ArrayToBfloat16(values),
  },
];

for (const format of formats) {
  const { name, exponentBits, fractionBits, infinity, widen, narrow, widenArray, narrowArray } = format;

  test(`${name}: every value widens to what the definition says`, () => {
    const widened = widenArray(everyBits);
    for (const bits of everyBits) {
      const expected = byDefinition(bits, exponentBits, fractionBits);
      if (!Object.is(widened[bits], expected)) assert.unreachable(`0x${bits.toString(16)} became ${widened[bits]}`);
      if (!Object.is(widen(bits), expected)) assert.unreachable(`0x${bits.toString(16)} as a scalar`);
    }
  });

  test(`${name}: every value comes back with its bits, NaN as NaN`, () => {
    const narrowed = narrowArray(widenArray(everyBits));
    for (const bits of everyBits) {
      const back = narrowed[bits] ?? -1;
      if (Number.isNaN(widen(bits))) assert.ok(Number.isNaN(widen(back)) && back >>> 15 === bits >>> 15);
      else if (back !== bits) assert.unreachable(`0x${bits.toString(16)} came back as 0x${back.toString(16)}`);
    }
  });

  test(`${name}: between two neighbours rounding goes to the nearer one, and to the even one from the middle`, () => {
    const largest = infinity - 1;
    const lastStep = widen(largest) - widen(largest - 1);
    for (let bits = 0; bits < infinity; bits++) {
      const low = widen(bits);
      const high = bits === largest ? low + lastStep : widen(bits + 1);
      const middle = (low + high) / 2;
      const inputs = [low, float32Beside(middle, -1), middle, float32Beside(middle, 1)];
      const even = bits % 2 === 0 ? bits : bits + 1;
      const expected = [bits, bits, even, bits + 1];
      const negative = expected.map((one) => one + 0x8000);
      if (inputs.map((value) => narrow(value)).join() !== expected.join()) assert.unreachable(`after ${low}`);
      if (inputs.map((value) => narrow(-value)).join() !== negative.join()) assert.unreachable(`before -${low}`);
    }
  });

  test(`${name}: array and scalar agree on any float32, NaN included`, () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 0xffff_ffff }), { maxLength: 20 }), (patterns) => {
        const values = new Float32Array(Uint32Array.from(patterns).buffer);
        const narrowed = narrowArray(values);
        for (const [index, value] of values.entries()) {
          const bits = narrowed[index] ?? -1;
          assert.is(Number.isNaN(widen(bits)), Number.isNaN(value));
          if (!Number.isNaN(value)) assert.is(bits, narrow(value));
        }
      }),
    );
  });
}

test('well-known values', () => {
  assert.is(float32ToFloat16(1), 0x3c00);
  assert.is(float32ToFloat16(-2), 0xc000);
  assert.is(float32ToFloat16(65504), 0x7bff);
  assert.is(float32ToFloat16(65519.996), 0x7bff);
  assert.is(float32ToFloat16(65520), 0x7c00);
  assert.is(float32ToFloat16(2 ** -24), 0x0001);
  assert.is(float32ToFloat16(2 ** -25), 0x0000);
  assert.is(float32ToFloat16(2 ** -25 * 1.001), 0x0001);
  assert.is(float32ToFloat16(-0), 0x8000);
  assert.is(float32ToBfloat16(1), 0x3f80);
  assert.is(float32ToBfloat16(3.4e38), 0x7f80);
  assert.is(float32ToBfloat16(2 ** -149), 0x0000);
  assert.is(float32ToBfloat16(Number.NEGATIVE_INFINITY), 0xff80);
});

test('arrays are converted into a part of a larger one, and only if the lengths agree', () => {
  const target = new Float32Array(4);
  float16ArrayToFloat32(Uint16Array.of(0x3c00, 0x4000), target.subarray(1, 3));
  assert.equal([...target], [0, 1, 2, 0]);
  assert.throws(() => float16ArrayToFloat32(new Uint16Array(3), target), /3 values into an array of 4/);
  assert.throws(() => float32ArrayToBfloat16(target, new Uint16Array(5)), /4 values into an array of 5/);
});

test.run();
