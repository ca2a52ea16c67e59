/** Bits of the bfloat16 nearest to each of four float32 values, as integers. NaN keeps the top of its payload. */
@inline
export function nearestBfloat16(value: v128): v128 {
  const magnitude = v128.and(value, i32x4.splat(0x7fffffff));
  const notANumber = i32x4.gt_s(magnitude, i32x4.splat(0x7f800000));
  const odd = v128.and(i32x4.shr_u(value, 16), i32x4.splat(1));
  const rounded = i32x4.shr_u(i32x4.add(i32x4.add(value, i32x4.splat(0x7fff)), odd), 16);
  const quiet = v128.or(i32x4.shr_u(value, 16), i32x4.splat(0x40));
  return v128.bitselect(quiet, rounded, notANumber);
}

/** Bits of the float16 nearest to each of four float32 values, as integers. */
@inline
function nearestFloat16(value: v128): v128 {
  const magnitude = v128.and(value, i32x4.splat(0x7fffffff));
  const sign = v128.and(i32x4.shr_u(value, 16), i32x4.splat(0x8000));
  const rebased = i32x4.sub(magnitude, i32x4.splat(0x38000000));
  const odd = v128.and(i32x4.shr_u(rebased, 13), i32x4.splat(1));
  const normal = i32x4.shr_u(i32x4.add(i32x4.add(rebased, i32x4.splat(0xfff)), odd), 13);
  // Adding 0.5 leaves a multiple of 2^-24, the step of the subnormal float16, in the low bits.
  const subnormal = i32x4.sub(f32x4.add(magnitude, f32x4.splat(0.5)), i32x4.splat(0x3f000000));
  const payload = v128.or(i32x4.splat(0x7e00), v128.and(i32x4.shr_u(magnitude, 13), i32x4.splat(0x3ff)));
  let result = v128.bitselect(subnormal, normal, i32x4.lt_s(magnitude, i32x4.splat(0x38800000)));
  result = v128.bitselect(i32x4.splat(0x7c00), result, i32x4.ge_s(magnitude, i32x4.splat(0x477ff000)));
  result = v128.bitselect(payload, result, i32x4.gt_s(magnitude, i32x4.splat(0x7f800000)));
  return v128.or(sign, result);
}

/** float32 bits of four float16 values given as integers. */
@inline
export function widenFloat16(bits: v128): v128 {
  const sign = i32x4.shl(v128.and(bits, i32x4.splat(0x8000)), 16);
  const magnitude = i32x4.shl(v128.and(bits, i32x4.splat(0x7fff)), 13);
  // 2^112: the difference of the exponents' biases.
  const finite = f32x4.mul(magnitude, i32x4.splat(0x77800000));
  const special = v128.or(magnitude, i32x4.splat(0x7f800000));
  return v128.or(sign, v128.bitselect(special, finite, i32x4.ge_s(magnitude, i32x4.splat(0x0f800000))));
}

/** bfloat16 bits of `count` float32 values, a multiple of 16. */
export function toBfloat16(values: usize, count: i32, bits: usize): void {
  for (let index = 0; index < count; index += 8, values += 32, bits += 16) {
    const first = nearestBfloat16(v128.load(values));
    v128.store(bits, i16x8.narrow_i32x4_u(first, nearestBfloat16(v128.load(values, 16))));
  }
}

/** float32 values of `count` bfloat16 bits, a multiple of 16. */
export function fromBfloat16(bits: usize, count: i32, values: usize): void {
  for (let index = 0; index < count; index += 8, values += 32, bits += 16) {
    const half = v128.load(bits);
    v128.store(values, i32x4.shl(i32x4.extend_low_i16x8_u(half), 16));
    v128.store(values, i32x4.shl(i32x4.extend_high_i16x8_u(half), 16), 16);
  }
}

/** float16 bits of `count` float32 values, a multiple of 16. */
export function toFloat16(values: usize, count: i32, bits: usize): void {
  for (let index = 0; index < count; index += 8, values += 32, bits += 16) {
    const first = nearestFloat16(v128.load(values));
    v128.store(bits, i16x8.narrow_i32x4_u(first, nearestFloat16(v128.load(values, 16))));
  }
}

/** float32 values of `count` float16 bits, a multiple of 16. */
export function fromFloat16(bits: usize, count: i32, values: usize): void {
  for (let index = 0; index < count; index += 8, values += 32, bits += 16) {
    const half = v128.load(bits);
    v128.store(values, widenFloat16(i32x4.extend_low_i16x8_u(half)));
    v128.store(values, widenFloat16(i32x4.extend_high_i16x8_u(half)), 16);
  }
}
