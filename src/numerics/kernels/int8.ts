import { type Comparison, ComparisonSums } from './comparison.js';
import { kernelInstance } from './instance.js';
import { copyPanelIn, copyPanelOut, padded, panelsOf, piecesOf, type Rows } from './panels.js';

/** Values of a row when a matrix is taken as a vector. */
const rowLength = 1024;

/**
 * int8 codes of a matrix: values times the factors (`multiply`), or over them (`divide`), rounded half to even to the
 * nearest of -128..127. One factor for all values, or one for each column.
 */
export function encodeInt8Kernel(matrix: Rows, factors: Float32Array, operation: 'multiply' | 'divide'): Int8Array {
  const codes = new Int8Array(matrix.values.length);
  const divides = operation === 'divide';
  if (factors.length === 1) encodeAll(matrix.values, factors[0]!, divides, codes);
  else encodeColumns(matrix, factors, divides, codes);
  return codes;
}

function encodeAll(values: Float32Array, factor: number, divides: boolean, codes: Int8Array): void {
  const kernels = kernelInstance();
  for (const { start, count } of piecesOf(values.length)) {
    const rows = Math.ceil(count / rowLength);
    const length = rows * rowLength;
    const [source, factors, result] = kernels.layout(length * 4, rowLength * 4, length);
    kernels.floats(source, length).set(values.subarray(start, start + count));
    kernels.floats(factors, rowLength).fill(factor);
    kernels.functions.encodeInt8(source, rows, rowLength, factors, divides, result);
    codes.set(kernels.signedBytes(result, count), start);
  }
}

function encodeColumns(matrix: Rows, factors: Float32Array, divides: boolean, codes: Int8Array): void {
  const kernels = kernelInstance();
  for (const panel of panelsOf(matrix)) {
    const { firstColumn, columns, paddedColumns } = panel;
    const length = matrix.rows * paddedColumns;
    const [source, factor, result] = kernels.layout(length * 4, paddedColumns * 4, length);
    copyPanelIn(matrix, panel, kernels.floats(source, length));
    kernels.floats(factor, columns).set(factors.subarray(firstColumn, firstColumn + columns));
    kernels.functions.encodeInt8(source, matrix.rows, paddedColumns, factor, divides, result);
    copyPanelOut(kernels.signedBytes(result, length), panel, { ...matrix, values: codes });
  }
}

/** float32 values of int8 codes [rows, columns]: code * scale, of one scale for all or one for each column. */
export function decodeInt8Kernel(codes: Int8Array, columns: number, scales: Float32Array): Float32Array {
  const kernels = kernelInstance();
  const values = new Float32Array(codes.length);
  for (const piece of decodedPieces(codes, columns, scales, 0)) {
    const { start, count, address, rows, width, rowCodes } = piece;
    copyRows(kernels.floats(address, rows * width), width, values.subarray(start, start + count), rowCodes);
  }
  return values;
}

/** Compares values with what int8 codes stand for, without holding that as a whole. */
export function compareInt8Kernel(
  values: Float32Array,
  codes: Int8Array,
  columns: number,
  scales: Float32Array,
): Comparison {
  const kernels = kernelInstance();
  const sums = new ComparisonSums();
  for (const piece of decodedPieces(codes, columns, scales, sums.sizeBytes)) {
    const { start, count, address, rows, width, rowCodes, spare, state } = piece;
    const target = kernels.floats(spare, rows * width).fill(0);
    copyRows(values.subarray(start, start + count), rowCodes, target, width);
    sums.add(spare, address, rows * width, state);
  }
  return sums.result();
}

/** Some rows of codes that have been decoded to kernel memory, and room for as many values beside them. */
interface DecodedPiece {
  readonly start: number;
  readonly count: number;
  readonly rows: number;
  /** Codes of a row, and values of it in kernel memory. What is behind the codes is decoded to 0. */
  readonly rowCodes: number;
  readonly width: number;
  readonly address: number;
  readonly spare: number;
  readonly state: number;
}

function* decodedPieces(
  codes: Int8Array,
  columns: number,
  scales: Float32Array,
  stateBytes: number,
): Generator<DecodedPiece> {
  const kernels = kernelInstance();
  const isOne = scales.length === 1;
  const rowCodes = isOne ? rowLength : columns;
  const width = padded(rowCodes);
  const rowsAtOnce = Math.max(1, Math.floor(2 ** 17 / width));
  for (let start = 0; start < codes.length; start += rowsAtOnce * rowCodes) {
    const count = Math.min(rowsAtOnce * rowCodes, codes.length - start);
    const rows = Math.ceil(count / rowCodes);
    const length = rows * width;
    const [source, scale, address, spare, state] = kernels.layout(
      length,
      width * 4,
      length * 4,
      stateBytes === 0 ? 0 : length * 4,
      stateBytes,
    );
    if (isOne) kernels.floats(scale, width).fill(scales[0]!);
    else kernels.floats(scale, width).fill(0).set(scales);
    const target = kernels.signedBytes(source, length).fill(0);
    copyRows(codes.subarray(start, start + count), rowCodes, target, width);
    kernels.functions.decodeInt8(source, rows, width, scale, address);
    yield { start, count, rows, rowCodes, width, address, spare, state };
  }
}

/** Copies rows of `sourceWidth` values into rows of `targetWidth`, as much of each as both have. */
function copyRows<Values extends Float32Array | Int8Array>(
  source: Values,
  sourceWidth: number,
  target: Values,
  targetWidth: number,
): void {
  if (sourceWidth === targetWidth) {
    target.set(source.subarray(0, target.length));
    return;
  }
  const width = Math.min(sourceWidth, targetWidth);
  for (let from = 0, to = 0; from < source.length && to < target.length; from += sourceWidth, to += targetWidth) {
    target.set(source.subarray(from, from + width), to);
  }
}
