import { type CodeLayout, decodeGroupsKernel, type GroupParameters } from '../numerics/kernels/groups.js';
import { decodeInt8Kernel } from '../numerics/kernels/int8.js';
import type { Int8Weight } from './int8-weight.js';
import { type Matrix, matrix } from './matrix.js';
import { type NBitsWeight, nbitsColumnBytes, nbitsLargestCode } from './nbits-weight.js';
import { groupRowsOf, unpackZeroPoints } from './nbits-zero-points.js';

/** The float32 weight [K, N] that 8-bit codes stand for: code * scale. */
export function dequantizeInt8({ codes, rows, columns, scales }: Int8Weight): Matrix {
  return matrix(decodeInt8Kernel(codes, columns, scales), rows, columns);
}

/** The float32 weight [K, N] that codes in groups stand for: (code - zero point) * scale. */
export function dequantizeNBits(weight: NBitsWeight): Matrix {
  const { rows, columns, codes } = weight;
  const { parameters, layout } = nbitsParameters(weight);
  return matrix(decodeGroupsKernel(codes, rows, columns, parameters, layout), rows, columns);
}

/** Scales and zero points of a weight, float32 [blocks, N], and how its codes are packed. */
export function nbitsParameters(weight: NBitsWeight): {
  readonly parameters: GroupParameters;
  readonly layout: CodeLayout;
} {
  const { rows, columns, bits, block, scales } = weight;
  const parameters = { factors: groupRowsOf(scales, columns), zeroPoints: unpackZeroPoints(weight) };
  const columnBytes = nbitsColumnBytes(rows, block, bits);
  return { parameters, layout: { group: block, bits, largestCode: nbitsLargestCode(bits), columnBytes } };
}
