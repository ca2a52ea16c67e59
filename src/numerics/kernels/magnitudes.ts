import { kernelInstance } from './instance.js';
import { padded, panelsOf, piecesOf, type Rows } from './panels.js';
import { panelBytes, placePanel, placeValues } from './resident.js';

/** The largest magnitude of the values, 0 if there are none. NaN if one of them is NaN. */
export function absmaxKernel(values: Float32Array): number {
  const kernels = kernelInstance();
  let largest = 0;
  for (const { start, count } of piecesOf(values.length)) {
    const length = padded(count);
    const [room] = kernels.layout(length * 4);
    largest = Math.max(largest, kernels.functions.absmax(placeValues(values, start, count, length, room), length));
  }
  return largest;
}

/** The largest magnitude of each column. NaN if one of its values is NaN. */
export function columnAbsmaxKernel(matrix: Rows): Float32Array {
  const kernels = kernelInstance();
  const largest = new Float32Array(matrix.columns);
  for (const panel of panelsOf(matrix)) {
    const { firstColumn, columns, paddedColumns } = panel;
    const [room, result] = kernels.layout(panelBytes(matrix, panel), paddedColumns * 4);
    const { address, stride } = placePanel(matrix, panel, room);
    const maxima = kernels.floats(result, paddedColumns).fill(0);
    kernels.functions.columnAbsmax(address, stride, matrix.rows, paddedColumns, result);
    largest.set(maxima.subarray(0, columns), firstColumn);
  }
  return largest;
}
