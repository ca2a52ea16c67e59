import { kernelInstance } from './kernels/instance.js';
import { padded } from './kernels/panels.js';

/** Values that are turned at once. More than the second-level cache holds, so that what is copied is not in small pieces. */
const blockValues = 2 ** 20;

/**
 * Some rows of the transpose of a row-major matrix: `target` [count, rows] gets the columns `firstColumn` to
 * `firstColumn + count` of `source` [rows, columns].
 */
export function transposeColumns(
  source: Float32Array,
  columns: number,
  firstColumn: number,
  target: Float32Array,
): void {
  const rows = source.length / columns;
  const count = target.length / rows;
  const width = padded(count);
  const rowsInBlock = Math.min(rows, Math.max(1, Math.floor(blockValues / width)));
  const height = padded(rowsInBlock);
  const kernels = kernelInstance();
  const [block, turned] = kernels.layout(height * width * 4, height * width * 4);
  for (let firstRow = 0; firstRow < rows; firstRow += rowsInBlock) {
    const last = Math.min(firstRow + rowsInBlock, rows);
    const values = kernels.floats(block, height * width);
    for (let row = firstRow, place = 0; row < last; row++, place += width) {
      const start = row * columns + firstColumn;
      values.set(source.subarray(start, start + count), place);
    }
    kernels.functions.transpose(block, height, width, turned);
    const result = kernels.floats(turned, height * width);
    if (height === rows) {
      target.set(result.subarray(0, target.length));
      return;
    }
    for (let column = 0; column < count; column++) {
      target.set(result.subarray(column * height, column * height + last - firstRow), column * rows + firstRow);
    }
  }
}
