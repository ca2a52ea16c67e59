import type { NBitsWeight } from './nbits-weight.js';
import { nbitsBlockCount, nbitsColumnBytes } from './nbits-weight.js';
import { unpackZeroPoints } from './nbits-zero-points.js';

/**
 * The codes of a weight in the order of its matrix, as DequantizeLinear takes them: [K, N], packed without gaps, the first
 * code of a byte in its lowest bits. They are signed, with zero point 0, if the weight has no zero points.
 */
export function rowMajorCodes(weight: NBitsWeight): Uint8Array {
  const { rows, columns, bits, block, codes, zeroPoints } = weight;
  const columnBytes = nbitsColumnBytes(rows, block, bits);
  const perByte = 8 / bits;
  const mask = 2 ** bits - 1;
  const signBit = zeroPoints === undefined ? 2 ** (bits - 1) : 0;
  const result = new Uint8Array(Math.ceil((rows * columns) / perByte));
  for (let row = 0, place = 0; row < rows; row++) {
    const shift = (row % perByte) * bits;
    for (let column = 0, from = Math.floor(row / perByte); column < columns; column++, place++, from += columnBytes) {
      const code = ((codes[from]! >> shift) & mask) ^ signBit;
      const to = Math.floor(place / perByte);
      result[to] = result[to]! | (code << ((place % perByte) * bits));
    }
  }
  return result;
}

/** The zero points of a weight in the same order, [blocks, N], packed likewise: all 0 if it has none. */
export function rowMajorZeroPoints(weight: NBitsWeight): Uint8Array {
  const { bits, columns } = weight;
  const count = nbitsBlockCount(weight.rows, weight.block) * columns;
  const perByte = 8 / bits;
  const packed = new Uint8Array(Math.ceil(count / perByte));
  if (weight.zeroPoints === undefined) return packed;
  for (const [index, zeroPoint] of unpackZeroPoints(weight).entries()) {
    const place = Math.floor(index / perByte);
    packed[place] = packed[place]! | (zeroPoint << ((index % perByte) * bits));
  }
  return packed;
}

/** The shape of scales and zero points in that order. */
export function rowMajorGroupDims({ rows, columns, block }: Pick<NBitsWeight, 'rows' | 'columns' | 'block'>): number[] {
  return [nbitsBlockCount(rows, block), columns];
}
