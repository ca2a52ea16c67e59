/**
 * IEEE 754 binary16 ("float16") and bfloat16 to float32 and back. Half floats are held as their bits in a
 * `Uint16Array`. Widening is exact. Narrowing rounds to nearest, ties to even; what is too large becomes infinity and
 * NaN stays NaN.
 */
import { narrowKernel, widenKernel } from './kernels/half.js';

const scalarFloat = new Float32Array(1);
const scalarBits = new Uint32Array(scalarFloat.buffer);

function bitsOfFloat32(value: number): number {
  scalarFloat[0] = value;
  return scalarBits[0] ?? 0;
}

function float32OfBits(bits: number): number {
  scalarBits[0] = bits;
  return scalarFloat[0] ?? 0;
}

function sameLength(source: { readonly length: number }, target: { readonly length: number }): void {
  if (source.length !== target.length) {
    throw new Error(`can't convert ${source.length} values into an array of ${target.length}`);
  }
}

function widenFloat16(bits: number): number {
  const sign = (bits & 0x8000) << 16;
  const exponent = (bits >>> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0x1f) return (sign | 0x7f80_0000 | (fraction << 13)) >>> 0;
  if (exponent > 0) return (sign | ((exponent + 112) << 23) | (fraction << 13)) >>> 0;
  const subnormal = bitsOfFloat32(fraction * 2 ** -24);
  return (sign | subnormal) >>> 0;
}

function narrowToFloat16(bits: number): number {
  const sign = (bits >>> 16) & 0x8000;
  const magnitude = bits & 0x7fff_ffff;
  if (magnitude > 0x7f80_0000) return sign | 0x7e00 | ((magnitude >>> 13) & 0x3ff);
  // 65520, halfway between the largest float16 and the next power of two, is the first to round to infinity.
  if (magnitude >= 0x477f_f000) return sign | 0x7c00;
  if (magnitude >= 0x3880_0000) {
    const rebased = magnitude - 0x3800_0000;
    return sign | ((rebased + 0xfff + ((rebased >>> 13) & 1)) >>> 13);
  }
  // 2^-25, halfway between zero and the smallest float16, still rounds to zero.
  if (magnitude <= 0x3300_0000) return sign;
  const significand = (magnitude & 0x7f_ffff) | 0x80_0000;
  const shift = 126 - (magnitude >>> 23);
  const quotient = significand >>> shift;
  const half = 1 << (shift - 1);
  return sign | ((significand + half - 1 + (quotient & 1)) >>> shift);
}

function narrowToBfloat16(bits: number): number {
  if ((bits & 0x7fff_ffff) > 0x7f80_0000) return (bits >>> 16) | 0x40;
  return ((bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16) & 0xffff;
}

/** The value of a float16 given as 16 bits. */
export function float16ToFloat32(bits: number): number {
  return float32OfBits(widenFloat16(bits));
}

/** The bits of the float16 nearest to a float32. A float64 is first rounded to float32. */
export function float32ToFloat16(value: number): number {
  return narrowToFloat16(bitsOfFloat32(value));
}

/** The value of a bfloat16 given as 16 bits. */
export function bfloat16ToFloat32(bits: number): number {
  return float32OfBits(bits << 16);
}

/** The bits of the bfloat16 nearest to a float32. A float64 is first rounded to float32. */
export function float32ToBfloat16(value: number): number {
  return narrowToBfloat16(bitsOfFloat32(value));
}

/** Widens float16 bits into `target`, which has the same length, and returns it. */
export function float16ArrayToFloat32(
  source: Uint16Array,
  target: Float32Array = new Float32Array(source.length),
): Float32Array {
  sameLength(source, target);
  widenKernel('float16', source, target);
  return target;
}

/** Rounds to float16 bits in `target`, which has the same length, and returns it. */
export function float32ArrayToFloat16(
  source: Float32Array,
  target: Uint16Array = new Uint16Array(source.length),
): Uint16Array {
  sameLength(source, target);
  narrowKernel('float16', source, target);
  return target;
}

/** Widens bfloat16 bits into `target`, which has the same length, and returns it. */
export function bfloat16ArrayToFloat32(
  source: Uint16Array,
  target: Float32Array = new Float32Array(source.length),
): Float32Array {
  sameLength(source, target);
  widenKernel('bfloat16', source, target);
  return target;
}

/** Rounds to bfloat16 bits in `target`, which has the same length, and returns it. */
export function float32ArrayToBfloat16(
  source: Float32Array,
  target: Uint16Array = new Uint16Array(source.length),
): Uint16Array {
  sameLength(source, target);
  narrowKernel('bfloat16', source, target);
  return target;
}
