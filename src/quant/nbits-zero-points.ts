import type { NBits, NBitsWeight } from './nbits-weight.js';
import { nbitsBlockCount, nbitsDefaultZeroPoint } from './nbits-weight.js';

/**
 * Packs zero points as MatMulNBits takes them. What is left of the last byte of a column holds the default zero point, as
 * in ONNX Runtime.
 * @param zeroPoints [blocks, N]
 * @returns [N, ceil(blocks * bits / 8)]
 */
export function packZeroPoints(zeroPoints: ArrayLike<number>, columns: number, bits: NBits): Uint8Array {
  const blocks = zeroPoints.length / columns;
  const perByte = 8 / bits;
  const columnBytes = Math.ceil(blocks / perByte);
  const packed = new Uint8Array(columns * columnBytes);
  for (let column = 0, byte = 0; column < columns; column++) {
    for (let block = 0; block < columnBytes * perByte; block++) {
      const zeroPoint = block < blocks ? zeroPoints[block * columns + column]! : nbitsDefaultZeroPoint(bits);
      packed[byte] = packed[byte]! | (zeroPoint << ((block % perByte) * bits));
      if (block % perByte === perByte - 1) byte++;
    }
  }
  return packed;
}

/** The zero points of a weight, given or not: float32 [blocks, N]. */
export function unpackZeroPoints({ rows, columns, block, bits, zeroPoints }: NBitsWeight): Float32Array {
  const blocks = nbitsBlockCount(rows, block);
  const unpacked = new Float32Array(blocks * columns).fill(nbitsDefaultZeroPoint(bits));
  if (zeroPoints === undefined) return unpacked;
  const perByte = 8 / bits;
  const columnBytes = Math.ceil(blocks / perByte);
  for (let index = 0, place = 0; index < blocks; index++) {
    const shift = (index % perByte) * bits;
    for (let column = 0, byte = Math.floor(index / perByte); column < columns; column++, byte += columnBytes) {
      unpacked[place++] = (zeroPoints[byte]! >> shift) & (2 ** bits - 1);
    }
  }
  return unpacked;
}

/** [N, groups] as [groups, N]. */
export function groupRowsOf(perColumn: Float32Array, columns: number): Float32Array {
  return transposed(perColumn, columns, perColumn.length / columns);
}

/** [groups, N] as [N, groups]. */
export function groupColumnsOf(perGroup: Float32Array, columns: number): Float32Array {
  return transposed(perGroup, perGroup.length / columns, columns);
}

function transposed(values: Float32Array, rows: number, columns: number): Float32Array {
  if (rows === 1 || columns === 1) return values;
  const result = new Float32Array(values.length);
  for (let row = 0, index = 0; row < rows; row++) {
    for (let column = 0, place = row; column < columns; column++, place += rows) result[place] = values[index++]!;
  }
  return result;
}
