import type { Int8Weight } from '../../../src/quant/int8-weight.js';
import { type Matrix, matrix } from '../../../src/quant/matrix.js';
import { type NBitsWeight, nbitsBlockCount } from '../../../src/quant/nbits-weight.js';

const nbitsDefaultZeroPoint = 8;

/** The float32 weight [K, N] that 8-bit codes stand for: code * scale. */
export function dequantizeInt8({ codes, rows, columns, granularity, scales }: Int8Weight): Matrix {
  const values = new Float32Array(codes.length);
  if (granularity === 'tensor') decode(codes, scales[0]!, values);
  else decodeColumns(codes, columns, scales, values);
  return matrix(values, rows, columns);
}

function decode(codes: Int8Array, scale: number, values: Float32Array): void {
  for (let index = 0; index < codes.length; index++) values[index] = codes[index]! * scale;
}

function decodeColumns(codes: Int8Array, columns: number, scales: Float32Array, values: Float32Array): void {
  for (let start = 0; start < codes.length; start += columns) {
    for (let column = 0; column < columns; column++) {
      values[start + column] = codes[start + column]! * scales[column]!;
    }
  }
}

/** The float32 weight [K, N] that 4-bit codes stand for: (code - zero point) * scale. */
export function dequantizeNBits({ rows, columns, block, codes, scales, zeroPoints }: NBitsWeight): Matrix {
  const values = new Float32Array(rows * columns);
  const blocks = nbitsBlockCount(rows, block);
  const columnBytes = (blocks * block) / 2;
  for (let column = 0; column < columns; column++) {
    const columnCodes = codes.subarray(column * columnBytes, (column + 1) * columnBytes);
    for (let index = 0; index < blocks; index++) {
      const zeroPoint = zeroPoints
        ? halfByte(zeroPoints.subarray(column * Math.ceil(blocks / 2)), index)
        : nbitsDefaultZeroPoint;
      const scale = scales[column * blocks + index]!;
      const end = Math.min((index + 1) * block, rows);
      for (let row = index * block; row < end; row++) {
        values[row * columns + column] = (halfByte(columnCodes, row) - zeroPoint) * scale;
      }
    }
  }
  return matrix(values, rows, columns);
}

function halfByte(packed: Uint8Array, index: number): number {
  return (packed[index >> 1]! >> ((index % 2) * 4)) & 0xf;
}
