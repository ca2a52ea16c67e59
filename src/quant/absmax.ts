import { absmaxKernel, columnAbsmaxKernel } from '../numerics/kernels/magnitudes.js';
import type { Matrix } from './matrix.js';

/** The largest magnitude of the values, 0 if there are none. NaN if one of them is NaN. */
export function absmax(values: Float32Array): number {
  return absmaxKernel(values);
}

/** The largest magnitude of each row: for a weight, per input feature. */
export function rowAbsmax({ values, rows, columns }: Matrix): Float32Array {
  return Float32Array.from({ length: rows }, (_, row) =>
    absmaxKernel(values.subarray(row * columns, (row + 1) * columns)),
  );
}

/** The largest magnitude of each column: for a weight, per output feature. */
export function columnAbsmax(weight: Matrix): Float32Array {
  return columnAbsmaxKernel(weight);
}
