import { nearestBfloat16 } from './half';

/** Smallest range of an asymmetric group, and smallest magnitude of a symmetric one. */
@inline const smallestRange: f32 = 1e-5;

/** Smallest and largest value of each column of a panel, both float32 [columns]. Of equal values the first. */
export function columnRange(values: usize, rows: i32, columns: i32, minima: usize, maxima: usize): void {
  rangeOfColumns(values, (<usize>columns) << 2, rows, columns, minima, maxima);
}

/** The same of rows that are `stride` bytes apart. */
@inline
export function rangeOfColumns(
  values: usize,
  stride: usize,
  rows: i32,
  columns: i32,
  minima: usize,
  maxima: usize,
): void {
  const rowBytes = (<usize>columns) << 2;
  for (let column: usize = 0; column < rowBytes; column += 16) {
    let smallest = f32x4.splat(Infinity);
    let largest = f32x4.splat(-Infinity);
    let row = values + column;
    for (let count = rows; count > 0; count--, row += stride) {
      const value = v128.load(row);
      smallest = f32x4.pmin(smallest, value);
      largest = f32x4.pmax(largest, value);
    }
    v128.store(minima + column, smallest);
    v128.store(maxima + column, largest);
  }
}

/** The codes of four values as float32: the nearest of 0..largest to round half to even(value / scale) + zero point; NaN gives 0. */
@inline
export function codeOf(value: v128, scale: v128, zeroPoint: v128, largest: v128): v128 {
  const code = f32x4.add(f32x4.nearest(f32x4.div(value, scale)), zeroPoint);
  return f32x4.pmin(f32x4.pmax(f32x4.splat(0), code), largest);
}

@inline
function codesOf16(value: usize, scale: usize, zeroPoint: usize, largest: v128): v128 {
  const a = codeOf(v128.load(value), v128.load(scale), v128.load(zeroPoint), largest);
  const b = codeOf(v128.load(value, 16), v128.load(scale, 16), v128.load(zeroPoint, 16), largest);
  const c = codeOf(v128.load(value, 32), v128.load(scale, 32), v128.load(zeroPoint, 32), largest);
  const d = codeOf(v128.load(value, 48), v128.load(scale, 48), v128.load(zeroPoint, 48), largest);
  return i8x16.narrow_i16x8_u(
    i16x8.narrow_i32x4_s(i32x4.trunc_sat_f32x4_s(a), i32x4.trunc_sat_f32x4_s(b)),
    i16x8.narrow_i32x4_s(i32x4.trunc_sat_f32x4_s(c), i32x4.trunc_sat_f32x4_s(d)),
  );
}

/**
 * Codes of the rows of one group, packed: `8 / bits` rows a byte, the first in the lowest bits, the bytes of a column next
 * to each other and those of the next column `columnBytes` further. Scales and zero points are float32 [columns]. The
 * part of a last byte that belongs to no row is 0.
 */
export function encodeGroup(
  values: usize,
  rows: i32,
  columns: i32,
  scales: usize,
  zeroPoints: usize,
  largestCode: f32,
  bits: i32,
  codes: usize,
  columnBytes: usize,
): void {
  const rowBytes = (<usize>columns) << 2;
  const largest = f32x4.splat(largestCode);
  for (let column: usize = 0; column < rowBytes; column += 64) {
    const scale = scales + column;
    const zeroPoint = zeroPoints + column;
    let value = values + column;
    let target = codes + (column >> 2) * columnBytes;
    for (let row = 0; row < rows; target++) {
      let packed = codesOf16(value, scale, zeroPoint, largest);
      value += rowBytes;
      row++;
      for (let shift = bits; shift < 8 && row < rows; shift += bits, row++, value += rowBytes) {
        packed = v128.or(packed, i8x16.shl(codesOf16(value, scale, zeroPoint, largest), shift));
      }
      scatter(packed, target, columnBytes);
    }
  }
}

/** Stores the bytes of a vector `stride` apart. */
@inline
export function scatter(bytes: v128, target: usize, stride: usize): void {
  v128.store_lane<u8>(target, bytes, 0);
  v128.store_lane<u8>(target + stride, bytes, 1);
  v128.store_lane<u8>(target + 2 * stride, bytes, 2);
  v128.store_lane<u8>(target + 3 * stride, bytes, 3);
  v128.store_lane<u8>(target + 4 * stride, bytes, 4);
  v128.store_lane<u8>(target + 5 * stride, bytes, 5);
  v128.store_lane<u8>(target + 6 * stride, bytes, 6);
  v128.store_lane<u8>(target + 7 * stride, bytes, 7);
  v128.store_lane<u8>(target + 8 * stride, bytes, 8);
  v128.store_lane<u8>(target + 9 * stride, bytes, 9);
  v128.store_lane<u8>(target + 10 * stride, bytes, 10);
  v128.store_lane<u8>(target + 11 * stride, bytes, 11);
  v128.store_lane<u8>(target + 12 * stride, bytes, 12);
  v128.store_lane<u8>(target + 13 * stride, bytes, 13);
  v128.store_lane<u8>(target + 14 * stride, bytes, 14);
  v128.store_lane<u8>(target + 15 * stride, bytes, 15);
}

/** Loads 16 bytes that are `stride` apart. */
@inline
function gather(source: usize, stride: usize): v128 {
  let bytes = v128.load8_splat(source);
  bytes = v128.load_lane<u8>(source + stride, bytes, 1);
  bytes = v128.load_lane<u8>(source + 2 * stride, bytes, 2);
  bytes = v128.load_lane<u8>(source + 3 * stride, bytes, 3);
  bytes = v128.load_lane<u8>(source + 4 * stride, bytes, 4);
  bytes = v128.load_lane<u8>(source + 5 * stride, bytes, 5);
  bytes = v128.load_lane<u8>(source + 6 * stride, bytes, 6);
  bytes = v128.load_lane<u8>(source + 7 * stride, bytes, 7);
  bytes = v128.load_lane<u8>(source + 8 * stride, bytes, 8);
  bytes = v128.load_lane<u8>(source + 9 * stride, bytes, 9);
  bytes = v128.load_lane<u8>(source + 10 * stride, bytes, 10);
  bytes = v128.load_lane<u8>(source + 11 * stride, bytes, 11);
  bytes = v128.load_lane<u8>(source + 12 * stride, bytes, 12);
  bytes = v128.load_lane<u8>(source + 13 * stride, bytes, 13);
  bytes = v128.load_lane<u8>(source + 14 * stride, bytes, 14);
  return v128.load_lane<u8>(source + 15 * stride, bytes, 15);
}

@inline
function decode4(code: v128, scales: usize, zeroPoints: usize, values: usize): void {
  const number = f32x4.convert_i32x4_u(code);
  v128.store(values, f32x4.mul(f32x4.sub(number, v128.load(zeroPoints)), v128.load(scales)));
}

/** float32 values [rows, columns] of the packed codes of one group: (code - zero point) * scale. */
export function decodeGroup(
  codes: usize,
  columnBytes: usize,
  rows: i32,
  columns: i32,
  scales: usize,
  zeroPoints: usize,
  bits: i32,
  values: usize,
): void {
  const rowBytes = (<usize>columns) << 2;
  const largest: i32 = (1 << bits) - 1;
  const mask = i8x16.splat(<i8>largest);
  for (let column: usize = 0; column < rowBytes; column += 64) {
    let source = codes + (column >> 2) * columnBytes;
    let value = values + column;
    const scale = scales + column;
    const zeroPoint = zeroPoints + column;
    for (let row = 0; row < rows; source++) {
      const packed = gather(source, columnBytes);
      for (let shift = 0; shift < 8 && row < rows; shift += bits, row++, value += rowBytes) {
        const code = v128.and(i8x16.shr_u(packed, shift), mask);
        const low = i16x8.extend_low_i8x16_u(code);
        const high = i16x8.extend_high_i8x16_u(code);
        decode4(i32x4.extend_low_i16x8_u(low), scale, zeroPoint, value);
        decode4(i32x4.extend_high_i16x8_u(low), scale + 16, zeroPoint + 16, value + 16);
        decode4(i32x4.extend_low_i16x8_u(high), scale + 32, zeroPoint + 32, value + 32);
        decode4(i32x4.extend_high_i16x8_u(high), scale + 48, zeroPoint + 48, value + 48);
      }
    }
  }
}

/**
 * AMD's scales and zero points of one group, float32 [columns] each, from the range of its columns: bfloat16 scales;
 * a symmetric group has the middle of the codes as its zero point.
 */
export function findGroupScales(
  minima: usize,
  maxima: usize,
  columns: i32,
  largestCode: f32,
  symmetric: bool,
  scales: usize,
  zeroPoints: usize,
): void {
  const largest = f32x4.splat(largestCode);
  const middle = f32x4.splat((largestCode + 1) / 2);
  const bytes = (<usize>columns) << 2;
  for (let column: usize = 0; column < bytes; column += 16) {
    const smallest = v128.load(minima + column);
    const greatest = v128.load(maxima + column);
    const range = symmetric ? f32x4.max(f32x4.abs(smallest), f32x4.abs(greatest)) : f32x4.sub(greatest, smallest);
    const levels = symmetric ? f32x4.sub(middle, f32x4.splat(1)) : largest;
    const bits = nearestBfloat16(f32x4.div(f32x4.max(range, f32x4.splat(smallestRange)), levels));
    const scale = i32x4.shl(bits, 16);
    const zero = f32x4.sub(f32x4.splat(0), f32x4.nearest(f32x4.div(smallest, scale)));
    v128.store(scales + column, scale);
    v128.store(zeroPoints + column, symmetric ? middle : f32x4.min(f32x4.max(zero, f32x4.splat(0)), largest));
  }
}

/** The nearest of -bound..bound. */
@inline
function within(value: v128, bound: v128): v128 {
  return f32x4.min(f32x4.max(value, f32x4.neg(bound)), bound);
}

/**
 * Bounds of the columns of a group, float32 [columns]: a share of the largest magnitude in the range of each, which is
 * narrowed to them.
 */
export function limitRange(minima: usize, maxima: usize, columns: i32, share: f32, bounds: usize): void {
  const bytes = (<usize>columns) << 2;
  for (let column: usize = 0; column < bytes; column += 16) {
    const smallest = v128.load(minima + column);
    const largest = v128.load(maxima + column);
    const bound = f32x4.mul(f32x4.max(f32x4.abs(smallest), f32x4.abs(largest)), f32x4.splat(share));
    v128.store(bounds + column, bound);
    v128.store(minima + column, within(smallest, bound));
    v128.store(maxima + column, within(largest, bound));
  }
}

/**
 * What one group becomes when each of its rows is multiplied by a factor, limited to the bounds of its columns, quantized
 * as mode 0 does with their scales and zero points, and divided by the factor again; `difference`: the values less that.
 * In place where `results` is `values`. All float32; factors [rows].
 */
export function pseudoQuantizeGroup(
  values: usize,
  rows: i32,
  columns: i32,
  factors: usize,
  bounds: usize,
  scales: usize,
  zeroPoints: usize,
  largestCode: f32,
  difference: bool,
  results: usize,
): void {
  const largest = f32x4.splat(largestCode);
  const rowBytes = (<usize>columns) << 2;
  for (let row = 0; row < rows; row++, values += rowBytes, results += rowBytes) {
    const factor = v128.load32_splat(factors + ((<usize>row) << 2));
    for (let column: usize = 0; column < rowBytes; column += 16) {
      const value = v128.load(values + column);
      const bound = v128.load(bounds + column);
      const scale = v128.load(scales + column);
      const zeroPoint = v128.load(zeroPoints + column);
      const scaled = f32x4.mul(value, factor);
      const code = codeOf(within(scaled, bound), scale, zeroPoint, largest);
      const restored = f32x4.div(f32x4.mul(f32x4.sub(code, zeroPoint), scale), factor);
      v128.store(results + column, difference ? f32x4.sub(value, restored) : restored);
    }
  }
}
