import { codeOf } from './groups';

/**
 * Quantizes some rows of a panel one after the other. What a row aims at is its value plus the sum that the errors of the
 * rows before it have left for it; its own error, times a factor for each row behind it, goes to the sums of these. The
 * error of a row takes the place of its sum.
 *
 * values, sums and results: float32 [rows, columns], sums [correctedRows, columns]. factors: float32 rows of
 * `factorBytes`, of which row k holds at place j what row j gets of the error of row k. Scales and zero points are those of
 * row 0, the next row's `parameterBytes` further. `quantizes` false: rows become what they aim at.
 */
export function quantizeRows(
  values: usize,
  sums: usize,
  rows: i32,
  correctedRows: i32,
  columns: i32,
  factors: usize,
  factorBytes: usize,
  scales: usize,
  zeroPoints: usize,
  parameterBytes: usize,
  largestCode: f32,
  quantizes: bool,
  results: usize,
): void {
  const largest = f32x4.splat(largestCode);
  const rowBytes = (<usize>columns) << 2;
  for (let column: usize = 0; column < rowBytes; column += 16) {
    let value = values + column;
    let sum = sums + column;
    let result = results + column;
    let scale = scales + column;
    let zeroPoint = zeroPoints + column;
    let factor = factors;
    for (let row = 0; row < rows; row++) {
      const weight = v128.load(value);
      let restored = f32x4.add(weight, v128.load(sum));
      if (quantizes) {
        const factorOfRow = v128.load(scale);
        const zero = v128.load(zeroPoint);
        const code = codeOf(restored, factorOfRow, zero, largest);
        restored = f32x4.mul(f32x4.sub(code, zero), factorOfRow);
      }
      const error = f32x4.sub(weight, restored);
      v128.store(result, restored);
      v128.store(sum, error);
      let later = sum + rowBytes;
      let laterFactor = factor + ((<usize>(row + 1)) << 2);
      for (let count = correctedRows - row - 1; count > 0; count--, later += rowBytes, laterFactor += 4) {
        v128.store(later, f32x4.add(v128.load(later), f32x4.mul(v128.load32_splat(laterFactor), error)));
      }
      value += rowBytes;
      sum += rowBytes;
      result += rowBytes;
      scale += parameterBytes;
      zeroPoint += parameterBytes;
      factor += factorBytes;
    }
  }
}
