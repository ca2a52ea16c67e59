import { type Comparison, ComparisonSums } from './comparison.js';
import { kernelInstance } from './instance.js';
import { padded, type Rows } from './panels.js';
import { placeValues } from './resident.js';

/** Values of a row when a matrix is taken as a vector. */
const rowLength = 1024;

/**
 * int8 codes of a matrix: values times the factors (`multiply`), or over them (`divide`), rounded half to even to the
 * nearest of -128..127. One factor for all values, or one for each column.
 */
export function encodeInt8Kernel(
  { values, columns }: Rows,
  factors: Float32Array,
  operation: 'multiply' | 'divide',
): Int8Array {
  const kernels = kernelInstance();
  const codes = new Int8Array(values.length);
  const isOne = factors.length === 1;
  const rowCodes = isOne ? rowLength : columns;
  const width = padded(rowCodes);
  const rowsAtOnce = Math.max(1, Math.floor(2 ** 18 / width));
  for (let start = 0; start < codes.length; start += rowsAtOnce * rowCodes) {
    const count = Math.min(rowsAtOnce * rowCodes, codes.length - start);
    const rows = Math.ceil(count / rowCodes);
    const length = rows * width;
    const [room, factor, result] = kernels.layout(length * 4, width * 4, length);
    const address = placeRows(values, { start, count, rowCodes, rows, width }, room);
    if (isOne) kernels.floats(factor, width).fill(factors[0]!);
    else kernels.floats(factor, width).fill(0).set(factors);
    kernels.functions.encodeInt8(address, rows, width, factor, operation === 'divide', result);
    copyRows(kernels.signedBytes(result, length), width, codes.subarray(start, start + count), rowCodes);
  }
  return codes;
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
  const sums = new ComparisonSums();
  for (const piece of decodedPieces(codes, columns, scales, sums.sizeBytes)) {
    sums.add(placeRows(values, piece, piece.spare), piece.address, piece.rows * piece.width, piece.state);
  }
  return sums.result();
}

/** Some rows of values or codes. */
interface PieceOfRows {
  readonly start: number;
  readonly count: number;
  readonly rows: number;
  /** Codes of a row, and values of it in kernel memory. What is behind the codes is 0. */
  readonly rowCodes: number;
  readonly width: number;
}

/** Some rows of codes that have been decoded to kernel memory, and room for as many values beside them. */
interface DecodedPiece extends PieceOfRows {
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

/** Where rows of values lie in kernel memory, or are copied to. */
function placeRows(values: Float32Array, { start, count, rows, rowCodes, width }: PieceOfRows, room: number): number {
  const length = rows * width;
  if (rowCodes === width) return placeValues(values, start, count, length, room);
  copyRows(values.subarray(start, start + count), rowCodes, kernelInstance().floats(room, length).fill(0), width);
  return room;
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
