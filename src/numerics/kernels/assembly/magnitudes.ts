/** The magnitudes of four values, as integers in the same order: NaN is larger than all others. */
@inline
function magnitudes(value: usize, offset: usize): v128 {
  return v128.and(v128.load(value + offset), i32x4.splat(0x7fffffff));
}

/** The largest magnitude of `count` float32 values, a multiple of 16. NaN if one of them is NaN. */
export function absmax(values: usize, count: i32): f32 {
  let a = i32x4.splat(0);
  let b = a;
  for (const end = values + ((<usize>count) << 2); values < end; values += 32) {
    a = i32x4.max_s(a, magnitudes(values, 0));
    b = i32x4.max_s(b, magnitudes(values, 16));
  }
  a = i32x4.max_s(a, b);
  a = i32x4.max_s(a, v128.shuffle<i32>(a, a, 2, 3, 0, 1));
  return f32x4.extract_lane(i32x4.max_s(a, v128.shuffle<i32>(a, a, 1, 0, 3, 2)), 0);
}

/**
 * Raises `largest`, float32 [columns], to the magnitudes of float32 [rows, columns], 16 columns at a time, whose rows are
 * `stride` bytes apart.
 */
export function columnAbsmax(values: usize, stride: usize, rows: i32, columns: i32, largest: usize): void {
  const rowBytes = (<usize>columns) << 2;
  for (let column: usize = 0; column < rowBytes; column += 64) {
    let a = v128.load(largest + column);
    let b = v128.load(largest + column, 16);
    let c = v128.load(largest + column, 32);
    let d = v128.load(largest + column, 48);
    let row = values + column;
    for (let count = rows; count > 0; count--, row += stride) {
      a = i32x4.max_s(a, magnitudes(row, 0));
      b = i32x4.max_s(b, magnitudes(row, 16));
      c = i32x4.max_s(c, magnitudes(row, 32));
      d = i32x4.max_s(d, magnitudes(row, 48));
    }
    v128.store(largest + column, a);
    v128.store(largest + column, b, 16);
    v128.store(largest + column, c, 32);
    v128.store(largest + column, d, 48);
  }
}
