import type { Matrix } from '../../../src/quant/matrix.js';

/** The largest magnitude of the values, 0 if there are none. NaN if one of them is NaN. */
export function absmax(values: Float32Array): number {
  let largest = 0;
  for (let index = 0; index < values.length; index++) {
    largest = Math.max(largest, Math.abs(values[index]!));
  }
  return largest;
}

/** The largest magnitude of each row: for a weight, per input feature. */
export function rowAbsmax({ values, rows, columns }: Matrix): Float32Array {
  const largest = new Float32Array(rows);
  for (let row = 0; row < rows; row++) {
    largest[row] = absmax(values.subarray(row * columns, (row + 1) * columns));
  }
  return largest;
}

/** The largest magnitude of each column: for a weight, per output feature. */
export function columnAbsmax({ values, rows, columns }: Matrix): Float32Array {
  const largest = new Float32Array(columns);
  for (let row = 0, index = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++, index++) {
      largest[column] = Math.max(largest[column]!, Math.abs(values[index]!));
    }
  }
  return largest;
}
