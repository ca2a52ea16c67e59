import { test } from 'uvu';
import * as assert from 'uvu/assert';
import {
  bfloat16ToFloat32,
  float16ToFloat32,
  float32ToBfloat16,
  float32ToFloat16,
} from '../../../src/numerics/half.js';
import { narrowKernel, widenKernel } from '../../../src/numerics/kernels/half.js';

const narrow = { float16: float32ToFloat16, bfloat16: float32ToBfloat16 };
const widen = { float16: float16ToFloat32, bfloat16: bfloat16ToFloat32 };

/** float32 values of bit patterns spread over all of them, and those around each 16-bit value. */
function patterns(): Float32Array {
  const bits = new Uint32Array(2 ** 18 + 3 * 2 ** 16);
  for (let index = 0; index < 2 ** 18; index++) bits[index] = Math.imul(index, 0x9e3779b1);
  for (let half = 0; half < 2 ** 16; half++) {
    for (let step = 0; step < 3; step++) bits[2 ** 18 + half * 3 + step] = (half << 16) + 0x7fff + step;
  }
  return new Float32Array(bits.buffer);
}

for (const type of ['float16', 'bfloat16'] as const) {
  test(`narrowing to ${type} rounds as it does value by value`, () => {
    const values = patterns();
    const bits = new Uint16Array(values.length);
    narrowKernel(type, values, bits);
    const wrong = values.findIndex((value, index) => !Number.isNaN(value) && bits[index] !== narrow[type](value));
    assert.is(wrong, -1, `${values[wrong]} gives ${bits[wrong]}`);
  });

  test(`every ${type} is widened as it is value by value`, () => {
    const bits = Uint16Array.from({ length: 2 ** 16 }, (_, index) => index);
    const values = new Float32Array(bits.length);
    widenKernel(type, bits, values);
    const wrong = values.findIndex((value, index) => !Object.is(value, widen[type](bits[index]!)));
    assert.is(wrong, -1, `${bits[wrong]} gives ${values[wrong]}`);
  });

  test(`NaN keeps the top of its payload as ${type}`, () => {
    const bits = Uint16Array.from({ length: 2 ** 16 }, (_, index) => index);
    const values = new Float32Array(bits.length);
    widenKernel(type, bits, values);
    const back = new Uint16Array(bits.length);
    narrowKernel(type, values, back);
    const quiet = type === 'float16' ? 0x200 : 0x40;
    const wrong = back.findIndex((half, index) => half !== (Number.isNaN(values[index]!) ? index | quiet : index));
    assert.is(wrong, -1);
  });
}

test.run();
