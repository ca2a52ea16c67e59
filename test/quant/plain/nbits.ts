import { requireFinite } from '../../../src/quant/finite.js';
import type { Matrix } from '../../../src/quant/matrix.js';
import { type NBitsBlock, type NBitsWeight, nbitsBlockCount } from '../../../src/quant/nbits-weight.js';

const nbitsDefaultZeroPoint = 8;

export interface NBitsOptions {
  readonly block: NBitsBlock;
  readonly symmetric: boolean;
}

/** What the columns of one row of blocks are encoded with, and the room to find it. */
interface BlockRow {
  readonly minima: Float32Array;
  readonly maxima: Float32Array;
  readonly reciprocals: Float32Array;
  readonly zeroPoints: Uint8Array;
}

/**
 * Quantizes a weight to 4 bits, byte for byte as the default algorithm of ONNX Runtime's MatMulNBitsQuantizer does
 * (mlas/lib/q4_dq.cpp, on x86), also where K is not a multiple of the block:
 * - symmetric: scale = -(value of the largest magnitude) / 8, so that this value becomes code 0 and nothing is clipped
 *   but what lies close to its opposite; zero point 8;
 * - asymmetric: scale = (max - min) / 15 over a range that includes 0, zero point = round(-min / scale);
 * - code = clamp(round half away from zero(weight * (1 / scale) + zero point), 0, 15), every step in float32.
 * @throws QuernError (`input`) if the weight is not finite
 */
export function quantizeNBits(weight: Matrix, { block, symmetric }: NBitsOptions): NBitsWeight {
  requireFinite(weight);
  const { rows, columns } = weight;
  const blocks = nbitsBlockCount(rows, block);
  const columnBytes = (blocks * block) / 2;
  const codes = new Uint8Array(columns * columnBytes);
  const scales = new Float32Array(columns * blocks);
  const zeroPoints = symmetric ? undefined : new Uint8Array(columns * Math.ceil(blocks / 2));
  const blockRow: BlockRow = {
    minima: new Float32Array(columns),
    maxima: new Float32Array(columns),
    reciprocals: new Float32Array(columns),
    zeroPoints: new Uint8Array(columns).fill(nbitsDefaultZeroPoint),
  };
  for (let index = 0; index < blocks; index++) {
    const start = index * block;
    const end = Math.min(start + block, rows);
    findRange(weight, start, end, blockRow);
    if (symmetric) findSymmetricScales(blockRow, scales, index, blocks);
    else findAsymmetricScales(blockRow, scales, index, blocks);
    if (zeroPoints) packZeroPoints(blockRow.zeroPoints, zeroPoints, index, blocks);
    encodeRows(weight, start, end, blockRow, codes, columnBytes);
  }
  if (rows % 2 === 1) fillLastHalfByte(codes, rows, block, columnBytes);
  return { rows, columns, bits: 4, block, codes, scales, ...(zeroPoints && { zeroPoints }) };
}

function findRange({ values, columns }: Matrix, start: number, end: number, { minima, maxima }: BlockRow): void {
  minima.fill(Number.POSITIVE_INFINITY);
  maxima.fill(Number.NEGATIVE_INFINITY);
  for (let row = start, index = start * columns; row < end; row++) {
    for (let column = 0; column < columns; column++, index++) {
      const value = values[index]!;
      if (value < minima[column]!) minima[column] = value;
      if (value > maxima[column]!) maxima[column] = value;
    }
  }
}

function findSymmetricScales(blockRow: BlockRow, scales: Float32Array, block: number, blocks: number): void {
  const { minima, maxima, reciprocals } = blockRow;
  for (let column = 0; column < minima.length; column++) {
    const minimum = minima[column]!;
    const maximum = maxima[column]!;
    const extreme = Math.abs(maximum) > Math.abs(minimum) ? maximum : minimum;
    const scale = Math.fround(-extreme / 8);
    scales[column * blocks + block] = scale;
    reciprocals[column] = reciprocal(scale);
  }
}

function findAsymmetricScales(blockRow: BlockRow, scales: Float32Array, block: number, blocks: number): void {
  const { minima, maxima, reciprocals, zeroPoints } = blockRow;
  for (let column = 0; column < minima.length; column++) {
    const minimum = Math.min(minima[column]!, 0);
    const maximum = Math.max(maxima[column]!, 0);
    const scale = Math.fround(Math.fround(maximum - minimum) / 15);
    scales[column * blocks + block] = scale;
    reciprocals[column] = reciprocal(scale);
    zeroPoints[column] = scale === 0 ? 0 : nearestCode(Math.fround(-minimum / scale));
  }
}

/** As a float32 infinite for the smallest subnormal scales, as ONNX Runtime's is. */
function reciprocal(scale: number): number {
  return scale === 0 ? 0 : 1 / scale;
}

/**
 * The nearest of the codes 0..15, ties upwards: among numbers that aren't negative, away from zero. NaN (0 times an
 * infinite reciprocal) gives 0 as on x86.
 */
function nearestCode(value: number): number {
  return (Math.min(Math.max(value, 0), 15) + 0.5) | 0;
}

function packZeroPoints(unpacked: Uint8Array, packed: Uint8Array, block: number, blocks: number): void {
  const columnBytes = Math.ceil(blocks / 2);
  const shift = (block % 2) * 4;
  // The half byte beside the last of an odd number of blocks holds the default zero point, as in ONNX Runtime.
  const neighbour = block % 2 === 0 && block === blocks - 1 ? nbitsDefaultZeroPoint << 4 : 0;
  for (let column = 0; column < unpacked.length; column++) {
    const index = column * columnBytes + (block >> 1);
    packed[index] = packed[index]! | (unpacked[column]! << shift) | neighbour;
  }
}

function encodeRows(
  { values, columns }: Matrix,
  start: number,
  end: number,
  { reciprocals, zeroPoints }: BlockRow,
  codes: Uint8Array,
  columnBytes: number,
): void {
  for (let row = start, index = start * columns; row < end; row++) {
    const shift = (row % 2) * 4;
    for (let column = 0, byte = row >> 1; column < columns; column++, index++, byte += columnBytes) {
      const product = Math.fround(values[index]! * reciprocals[column]!);
      codes[byte] = codes[byte]! | (nearestCode(Math.fround(product + zeroPoints[column]!)) << shift);
    }
  }
}

/**
 * With an odd K the last byte of a column has a half that belongs to no row. ONNX Runtime works on two blocks at a time
 * and leaves the previous odd row's code there, or 0 if these two blocks have none yet.
 */
function fillLastHalfByte(codes: Uint8Array, rows: number, block: NBitsBlock, columnBytes: number): void {
  const lastRow = rows - 1;
  if (lastRow % (2 * block) === 0) return;
  for (let byte = lastRow >> 1; byte < codes.length; byte += columnBytes) {
    codes[byte] = codes[byte]! | (codes[byte - 1]! & 0xf0);
  }
}
