import { kernelInstance } from './instance.js';
import { copyPanelIn, padded, panelsOf, piecesOf, type Rows } from './panels.js';

/** The largest magnitude of the values, 0 if there are none. NaN if one of them is NaN. */
export function absmaxKernel(values: Float32Array): number {
  const kernels = kernelInstance();
  let largest = 0;
  for (const { start, count } of piecesOf(values.length)) {
    const length = padded(count);
    const [address] = kernels.layout(length * 4);
    const target = kernels.floats(address, length);
    target.set(values.subarray(start, start + count));
    target.fill(0, count);
    largest = Math.max(largest, kernels.functions.absmax(address, length));
  }
  return largest;
}

/** The largest magnitude of each column. NaN if one of its values is NaN. */
export function columnAbsmaxKernel(matrix: Rows): Float32Array {
  const kernels = kernelInstance();
  const largest = new Float32Array(matrix.columns);
  for (const panel of panelsOf(matrix)) {
    const values = matrix.rows * panel.paddedColumns;
    const [source, result] = kernels.layout(values * 4, panel.paddedColumns * 4);
    copyPanelIn(matrix, panel, kernels.floats(source, values));
    const maxima = kernels.floats(result, panel.paddedColumns).fill(0);
    kernels.functions.columnAbsmax(source, matrix.rows, panel.paddedColumns, result);
    largest.set(maxima.subarray(0, panel.columns), panel.firstColumn);
  }
  return largest;
}
