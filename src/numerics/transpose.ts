/** Side of the squares that are turned one by one, so that both sides stay in the cache. */
const tile = 32;

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
  for (let firstRow = 0; firstRow < rows; firstRow += tile) {
    const lastRow = Math.min(firstRow + tile, rows);
    for (let first = 0; first < count; first += tile) {
      const last = Math.min(first + tile, count);
      for (let row = firstRow; row < lastRow; row++) {
        let from = row * columns + firstColumn + first;
        for (let column = first; column < last; column++) target[column * rows + row] = source[from++]!;
      }
    }
  }
}
