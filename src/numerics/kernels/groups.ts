import { type Comparison, ComparisonSums } from './comparison.js';
import { kernelInstance } from './instance.js';
import { copyPanelIn, copyPanelOut, type Panel, panelsOf, type Rows } from './panels.js';

/** Scales and zero points of every group: float32 [groups, columns]. */
export interface GroupParameters {
  readonly factors: Float32Array;
  readonly zeroPoints: Float32Array;
}

/** Smallest and largest value of each group of rows in each column, both float32 [groups, columns]. */
export function groupRangesKernel(
  matrix: Rows,
  group: number,
): { readonly minima: Float32Array; readonly maxima: Float32Array } {
  const groups = Math.ceil(matrix.rows / group);
  const minima = new Float32Array(groups * matrix.columns);
  const maxima = new Float32Array(groups * matrix.columns);
  const kernels = kernelInstance();
  for (const panel of panelsOf(matrix)) {
    const { paddedColumns, columns, firstColumn } = panel;
    const length = matrix.rows * paddedColumns;
    const [source, smallest, largest] = kernels.layout(length * 4, paddedColumns * 4, paddedColumns * 4);
    copyPanelIn(matrix, panel, kernels.floats(source, length));
    for (const { index, firstRow, rows } of groupsOf(matrix.rows, group)) {
      kernels.functions.columnRange(source + firstRow * paddedColumns * 4, rows, paddedColumns, smallest, largest);
      const place = index * matrix.columns + firstColumn;
      minima.set(kernels.floats(smallest, columns), place);
      maxima.set(kernels.floats(largest, columns), place);
    }
  }
  return { minima, maxima };
}

/** How codes are packed: `bits` each, those of a column in `columnBytes` bytes. A group starts at a whole byte. */
export interface CodeLayout {
  readonly group: number;
  readonly bits: number;
  readonly largestCode: number;
  readonly columnBytes: number;
}

/**
 * Packed codes [columns, columnBytes] of a matrix, the first of a byte in its lowest bits: the nearest of 0..largestCode to
 * round half to even(value / scale) + zero point, in float32; NaN gives 0.
 */
export function encodeGroupsKernel(
  matrix: Rows,
  parameters: GroupParameters,
  { group, bits, largestCode, columnBytes }: CodeLayout,
): Uint8Array {
  const kernels = kernelInstance();
  const codes = new Uint8Array(matrix.columns * columnBytes);
  for (const panel of panelsOf(matrix)) {
    const { paddedColumns, columns, firstColumn } = panel;
    const length = matrix.rows * paddedColumns;
    const rowBytes = paddedColumns * 4;
    const [source, factor, zeroPoint, result] = kernels.layout(
      length * 4,
      rowBytes,
      rowBytes,
      paddedColumns * columnBytes,
    );
    copyPanelIn(matrix, panel, kernels.floats(source, length));
    kernels.bytes(result, columns * columnBytes).fill(0);
    for (const { index, firstRow, rows } of groupsOf(matrix.rows, group)) {
      setParameters(parameters, index, matrix.columns, panel, factor, zeroPoint);
      kernels.functions.encodeGroup(
        source + firstRow * rowBytes,
        rows,
        paddedColumns,
        factor,
        zeroPoint,
        largestCode,
        bits,
        result + (firstRow * bits) / 8,
        columnBytes,
      );
    }
    codes.set(kernels.bytes(result, columns * columnBytes), firstColumn * columnBytes);
  }
  return codes;
}

/** float32 values [rows, columns] of packed codes: (code - zero point) * factor. */
export function decodeGroupsKernel(
  codes: Uint8Array,
  rows: number,
  columns: number,
  parameters: GroupParameters,
  layout: CodeLayout,
): Float32Array {
  const kernels = kernelInstance();
  const matrix = { values: new Float32Array(rows * columns), rows, columns };
  for (const panel of panelsOf(matrix)) {
    const { paddedColumns } = panel;
    const length = rows * paddedColumns;
    const rowBytes = paddedColumns * 4;
    const addresses = kernels.layout(length * 4, paddedColumns * layout.columnBytes, rowBytes, rowBytes);
    decodePanel(codes, matrix, parameters, layout, panel, addresses);
    copyPanelOut(kernels.floats(addresses[0], length), panel, matrix);
  }
  return matrix.values;
}

/** Compares a matrix with what packed codes stand for, without holding that as a whole. */
export function compareGroupsKernel(
  matrix: Rows,
  codes: Uint8Array,
  parameters: GroupParameters,
  layout: CodeLayout,
): Comparison {
  const kernels = kernelInstance();
  const sums = new ComparisonSums();
  for (const panel of panelsOf(matrix)) {
    const { paddedColumns } = panel;
    const length = matrix.rows * paddedColumns;
    const rowBytes = paddedColumns * 4;
    const [values, state, ...addresses] = kernels.layout(
      length * 4,
      sums.sizeBytes,
      length * 4,
      paddedColumns * layout.columnBytes,
      rowBytes,
      rowBytes,
    );
    copyPanelIn(matrix, panel, kernels.floats(values, length));
    decodePanel(codes, matrix, parameters, layout, panel, addresses);
    sums.add(values, addresses[0], length, state);
  }
  return sums.result();
}

/** Decodes a panel into the first of the addresses; the others are for its codes, factors and zero points. */
function decodePanel(
  codes: Uint8Array,
  { rows, columns }: Omit<Rows, 'values'>,
  parameters: GroupParameters,
  { group, bits, columnBytes }: CodeLayout,
  panel: Panel,
  [result, source, factor, zeroPoint]: readonly [number, number, number, number],
): void {
  const kernels = kernelInstance();
  const { paddedColumns, firstColumn } = panel;
  kernels
    .bytes(source, panel.columns * columnBytes)
    .set(codes.subarray(firstColumn * columnBytes, (firstColumn + panel.columns) * columnBytes));
  for (const { index, firstRow, rows: groupRows } of groupsOf(rows, group)) {
    setParameters(parameters, index, columns, panel, factor, zeroPoint);
    kernels.functions.decodeGroup(
      source + (firstRow * bits) / 8,
      columnBytes,
      groupRows,
      paddedColumns,
      factor,
      zeroPoint,
      bits,
      result + firstRow * paddedColumns * 4,
    );
  }
}

export interface PseudoQuantization {
  readonly group: number;
  readonly largestCode: number;
  readonly symmetric: boolean;
  /** Rows are multiplied by these before and divided by them after: float32 [rows]. */
  readonly rowFactors: Float32Array;
  /** The values of each group of a column are limited to this share of the largest magnitude among them. */
  readonly boundShare: number;
  /** `values`: what the values become. `differences`: the values less that. */
  readonly result: 'values' | 'differences';
}

/** Quantizes a matrix in groups with AMD's scales and dequantizes it at once, into `target`. */
export function pseudoQuantizeKernel(matrix: Rows, options: PseudoQuantization, target: Float32Array): void {
  const { group, largestCode, symmetric, rowFactors, boundShare, result } = options;
  const kernels = kernelInstance();
  const results = { ...matrix, values: target };
  for (const panel of panelsOf(matrix)) {
    const { paddedColumns } = panel;
    const length = matrix.rows * paddedColumns;
    const rowBytes = paddedColumns * 4;
    const [source, scaled, factors, smallest, largest, bounds, scales, zeroPoints] = kernels.layout(
      length * 4,
      Math.min(group, matrix.rows) * rowBytes,
      matrix.rows * 4,
      rowBytes,
      rowBytes,
      rowBytes,
      rowBytes,
      rowBytes,
    );
    copyPanelIn(matrix, panel, kernels.floats(source, length));
    kernels.floats(factors, matrix.rows).set(rowFactors);
    const { scaleRows, columnRange, limitRange, findGroupScales, pseudoQuantizeGroup } = kernels.functions;
    for (const { firstRow, rows } of groupsOf(matrix.rows, group)) {
      const values = source + firstRow * rowBytes;
      kernels.bytes(scaled, rows * rowBytes).set(kernels.bytes(values, rows * rowBytes));
      scaleRows(scaled, rows, paddedColumns, factors + firstRow * 4);
      columnRange(scaled, rows, paddedColumns, smallest, largest);
      limitRange(smallest, largest, paddedColumns, boundShare, bounds);
      findGroupScales(smallest, largest, paddedColumns, largestCode, symmetric, scales, zeroPoints);
      pseudoQuantizeGroup(
        values,
        rows,
        paddedColumns,
        factors + firstRow * 4,
        bounds,
        scales,
        zeroPoints,
        largestCode,
        result === 'differences',
        values,
      );
    }
    copyPanelOut(kernels.floats(source, length), panel, results);
  }
}

/** AMD's scales and zero points of ranges, all float32 of equal length. */
export function groupScalesKernel(
  { minima, maxima }: { readonly minima: Float32Array; readonly maxima: Float32Array },
  largestCode: number,
  symmetric: boolean,
): GroupParameters {
  const kernels = kernelInstance();
  const factors = new Float32Array(minima.length);
  const zeroPoints = new Float32Array(minima.length);
  for (const panel of panelsOf({ values: minima, rows: 1, columns: minima.length })) {
    const { firstColumn, columns, paddedColumns } = panel;
    const bytes = paddedColumns * 4;
    const [smallest, largest, scale, zeroPoint] = kernels.layout(bytes, bytes, bytes, bytes);
    kernels.floats(smallest, columns).set(minima.subarray(firstColumn, firstColumn + columns));
    kernels.floats(largest, columns).set(maxima.subarray(firstColumn, firstColumn + columns));
    kernels.functions.findGroupScales(smallest, largest, paddedColumns, largestCode, symmetric, scale, zeroPoint);
    factors.set(kernels.floats(scale, columns), firstColumn);
    zeroPoints.set(kernels.floats(zeroPoint, columns), firstColumn);
  }
  return { factors, zeroPoints };
}

function setParameters(
  { factors, zeroPoints }: GroupParameters,
  group: number,
  matrixColumns: number,
  { firstColumn, columns, paddedColumns }: Panel,
  factorAddress: number,
  zeroPointAddress: number,
): void {
  const kernels = kernelInstance();
  const start = group * matrixColumns + firstColumn;
  for (const [address, values] of [
    [factorAddress, factors],
    [zeroPointAddress, zeroPoints],
  ] as const) {
    const target = kernels.floats(address, paddedColumns);
    target.set(values.subarray(start, start + columns));
    target.fill(0, columns);
  }
}

/** The groups of rows that a matrix has; the last one may be incomplete. */
export function* groupsOf(
  rows: number,
  group: number,
): Generator<{ readonly index: number; readonly firstRow: number; readonly rows: number }> {
  for (let index = 0, firstRow = 0; firstRow < rows; index++, firstRow += group) {
    yield { index, firstRow, rows: Math.min(group, rows - firstRow) };
  }
}
