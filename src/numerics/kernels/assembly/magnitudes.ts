/** The largest magnitude of `count` float32 values, a multiple of 16. NaN if one of them is NaN. */
export function absmax(values: usize, count: i32): f32 {
  let largest = f32x4.splat(0);
  for (let index = 0; index < count; index += 4) {
    largest = f32x4.max(largest, f32x4.abs(v128.load(values + ((<usize>index) << 2))));
  }
  return max(
    max(f32x4.extract_lane(largest, 0), f32x4.extract_lane(largest, 1)),
    max(f32x4.extract_lane(largest, 2), f32x4.extract_lane(largest, 3)),
  );
}

/** Raises `largest`, float32 [columns], to the magnitudes of a panel: float32 [rows, columns], 16 columns at a time. */
export function columnAbsmax(values: usize, rows: i32, columns: i32, largest: usize): void {
  const rowBytes = (<usize>columns) << 2;
  for (let column: usize = 0; column < rowBytes; column += 64) {
    let a = v128.load(largest + column);
    let b = v128.load(largest + column, 16);
    let c = v128.load(largest + column, 32);
    let d = v128.load(largest + column, 48);
    let row = values + column;
    for (let count = rows; count > 0; count--, row += rowBytes) {
      a = f32x4.max(a, f32x4.abs(v128.load(row)));
      b = f32x4.max(b, f32x4.abs(v128.load(row, 16)));
      c = f32x4.max(c, f32x4.abs(v128.load(row, 32)));
      d = f32x4.max(d, f32x4.abs(v128.load(row, 48)));
    }
    v128.store(largest + column, a);
    v128.store(largest + column, b, 16);
    v128.store(largest + column, c, 32);
    v128.store(largest + column, d, 48);
  }
}
