/** Multiplies each row of a panel, float32 [rows, columns], by its factor, in place. Factors are float32 [rows]. */
export function scaleRows(values: usize, rows: i32, columns: i32, factors: usize): void {
  const rowBytes = (<usize>columns) << 2;
  for (let row = 0; row < rows; row++, factors += 4) {
    const factor = v128.load32_splat(factors);
    for (const end = values + rowBytes; values < end; values += 16) {
      v128.store(values, f32x4.mul(v128.load(values), factor));
    }
  }
}

/** Multiplies each column of a panel by its factor, in place. Factors are float32 [columns]. */
export function scaleColumns(values: usize, rows: i32, columns: i32, factors: usize): void {
  const rowBytes = (<usize>columns) << 2;
  for (let row = 0; row < rows; row++, values += rowBytes) {
    for (let column: usize = 0; column < rowBytes; column += 16) {
      v128.store(values + column, f32x4.mul(v128.load(values + column), v128.load(factors + column)));
    }
  }
}

/**
 * Compares `count` float32 values (a multiple of 4) with others, in float64. `state` is float64 [12]: sums of squared
 * differences, sums of squared values and largest absolute differences of every fourth value, to which these are added.
 * A difference of NaN shows in the sums alone.
 */
export function compare(values: usize, others: usize, count: i32, state: usize): void {
  let errorLow = v128.load(state);
  let errorHigh = v128.load(state, 16);
  let normLow = v128.load(state, 32);
  let normHigh = v128.load(state, 48);
  let largestLow = v128.load(state, 64);
  let largestHigh = v128.load(state, 80);
  for (let index = 0; index < count; index += 4, values += 16, others += 16) {
    const low = f64x2.promote_low_f32x4(v128.load64_zero(values));
    const high = f64x2.promote_low_f32x4(v128.load64_zero(values, 8));
    const differenceLow = f64x2.sub(low, f64x2.promote_low_f32x4(v128.load64_zero(others)));
    const differenceHigh = f64x2.sub(high, f64x2.promote_low_f32x4(v128.load64_zero(others, 8)));
    errorLow = f64x2.add(errorLow, f64x2.mul(differenceLow, differenceLow));
    errorHigh = f64x2.add(errorHigh, f64x2.mul(differenceHigh, differenceHigh));
    normLow = f64x2.add(normLow, f64x2.mul(low, low));
    normHigh = f64x2.add(normHigh, f64x2.mul(high, high));
    largestLow = f64x2.pmax(largestLow, f64x2.abs(differenceLow));
    largestHigh = f64x2.pmax(largestHigh, f64x2.abs(differenceHigh));
  }
  v128.store(state, errorLow);
  v128.store(state, errorHigh, 16);
  v128.store(state, normLow, 32);
  v128.store(state, normHigh, 48);
  v128.store(state, largestLow, 64);
  v128.store(state, largestHigh, 80);
}
