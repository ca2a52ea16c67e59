/** What a value and the factor of its column make: the nearest integer of their product or quotient, ties to even. */
@inline
function nearest(value: v128, factor: v128, divides: bool): v128 {
  const scaled = divides ? f32x4.div(value, factor) : f32x4.mul(value, factor);
  return i32x4.trunc_sat_f32x4_s(f32x4.nearest(scaled));
}

/**
 * int8 codes [rows, columns] of a panel: each value times (or divided by) the factor of its column, rounded half to even,
 * and the nearest of -128..127.
 */
export function encodeInt8(
  values: usize,
  rows: i32,
  columns: i32,
  factors: usize,
  divides: bool,
  codes: usize,
): void {
  const rowBytes = (<usize>columns) << 2;
  for (let row = 0; row < rows; row++) {
    for (let column: usize = 0; column < rowBytes; column += 64) {
      const value = values + column;
      const factor = factors + column;
      const first = i16x8.narrow_i32x4_s(
        nearest(v128.load(value), v128.load(factor), divides),
        nearest(v128.load(value, 16), v128.load(factor, 16), divides),
      );
      const second = i16x8.narrow_i32x4_s(
        nearest(v128.load(value, 32), v128.load(factor, 32), divides),
        nearest(v128.load(value, 48), v128.load(factor, 48), divides),
      );
      v128.store(codes, i8x16.narrow_i16x8_s(first, second));
      codes += 16;
    }
    values += rowBytes;
  }
}

/** float32 values [rows, columns] of int8 codes: each times the scale of its column. */
export function decodeInt8(codes: usize, rows: i32, columns: i32, scales: usize, values: usize): void {
  const rowBytes = (<usize>columns) << 2;
  for (let row = 0; row < rows; row++) {
    for (let column: usize = 0; column < rowBytes; column += 16) {
      const wide = i16x8.extend_low_i8x16_s(v128.load32_zero(codes));
      const code = f32x4.convert_i32x4_s(i32x4.extend_low_i16x8_s(wide));
      v128.store(values + column, f32x4.mul(code, v128.load(scales + column)));
      codes += 4;
    }
    values += rowBytes;
  }
}
