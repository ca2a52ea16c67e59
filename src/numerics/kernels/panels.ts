/** A float32 matrix in row-major order. */
export interface Rows {
  readonly values: Float32Array;
  readonly rows: number;
  readonly columns: number;
}

/** Some neighbouring columns of a matrix. */
export interface Panel {
  readonly firstColumn: number;
  readonly columns: number;
  /** Columns of the panel in the memory of the kernels: a multiple of 16. */
  readonly paddedColumns: number;
}

/** Kernels handle so many columns, or values of a vector, at a time. */
export const laneCount = 16;
/** What a panel may hold to stay in the second-level cache together with its results. */
export const panelValues = 2 ** 18;
export const smallestPanelColumns = 64;

export function padded(count: number): number {
  return Math.ceil(count / laneCount) * laneCount;
}

/** Cuts a matrix into panels of whole columns. */
export function* panelsOf({ rows, columns }: Rows): Generator<Panel> {
  const fitting = Math.floor(panelValues / Math.max(1, rows) / laneCount) * laneCount;
  const width = Math.max(smallestPanelColumns, fitting);
  for (let firstColumn = 0; firstColumn < columns; firstColumn += width) {
    const count = Math.min(width, columns - firstColumn);
    yield { firstColumn, columns: count, paddedColumns: padded(count) };
  }
}

/** Start and length of the pieces of a vector. */
export function* piecesOf(length: number): Generator<{ readonly start: number; readonly count: number }> {
  for (let start = 0; start < length; start += panelValues) {
    yield { start, count: Math.min(panelValues, length - start) };
  }
}

/** Copies a panel into `target`, rows of `paddedColumns` whose padding is 0. */
export function copyPanelIn({ values, rows, columns }: Rows, panel: Panel, target: Float32Array): void {
  if (panel.paddedColumns === columns) {
    target.set(values);
    return;
  }
  if (panel.paddedColumns > panel.columns) target.fill(0);
  for (let row = 0; row < rows; row++) {
    const start = row * columns + panel.firstColumn;
    target.set(values.subarray(start, start + panel.columns), row * panel.paddedColumns);
  }
}

/** Copies the panel that `source` holds into its place in a matrix of the same type. */
export function copyPanelOut<Values extends Float32Array | Int8Array>(
  source: Values,
  panel: Panel,
  { values, rows, columns }: { readonly values: Values; readonly rows: number; readonly columns: number },
): void {
  for (let row = 0; row < rows; row++) {
    const start = row * panel.paddedColumns;
    values.set(source.subarray(start, start + panel.columns), row * columns + panel.firstColumn);
  }
}
