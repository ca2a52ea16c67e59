import { quantizeBlocksKernel } from '../numerics/kernels/blocks.js';
import { requireFinite } from './finite.js';
import type { Matrix } from './matrix.js';
import type { NBits, NBitsBlock, NBitsWeight } from './nbits-weight.js';
import { nbitsColumnBytes, nbitsLargestCode } from './nbits-weight.js';
import { packZeroPoints } from './nbits-zero-points.js';
import { errorOf, type WeightError } from './weight-error.js';

export interface NBitsOptions {
  readonly block: NBitsBlock;
  readonly symmetric: boolean;
  /** 4 unless given. */
  readonly bits?: NBits;
}

/**
 * Quantizes a weight, byte for byte as the default algorithm of ONNX Runtime's MatMulNBitsQuantizer does
 * (mlas/lib/q4_dq.cpp, on x86), also where K is not a multiple of the block. For 4 bits:
 * - symmetric: scale = -(value of the largest magnitude) / 8, so that this value becomes code 0 and nothing is clipped
 *   but what lies close to its opposite; zero point 8;
 * - asymmetric: scale = (max - min) / 15 over a range that includes 0, zero point = round(-min / scale);
 * - code = clamp(round half away from zero(weight * (1 / scale) + zero point), 0, 15), every step in float32.
 * @throws QuernError (`input`) if the weight is not finite
 */
export function quantizeNBits(weight: Matrix, options: NBitsOptions): NBitsWeight {
  return quantizeNBitsWithError(weight, options).quantized;
}

/** As `quantizeNBits`, with the error that is found on the way. */
export function quantizeNBitsWithError(
  weight: Matrix,
  { block, symmetric, bits = 4 }: NBitsOptions,
): { readonly quantized: NBitsWeight; readonly error: WeightError } {
  const { rows, columns } = weight;
  const columnBytes = nbitsColumnBytes(rows, block, bits);
  const layout = { group: block, bits, largestCode: nbitsLargestCode(bits), columnBytes };
  const { codes, scales, zeroPoints, comparison } = quantizeBlocksKernel(weight, layout, symmetric);
  requireFinite(weight, comparison.squaredNorm);
  fillLastByte(codes, rows, block, bits, columnBytes);
  const quantized = { rows, columns, bits, block, codes, scales };
  return {
    quantized: zeroPoints ? { ...quantized, zeroPoints: packZeroPoints(zeroPoints, columns, bits) } : quantized,
    error: errorOf(comparison),
  };
}

/**
 * Where rows don't fill the last byte of a column, the rest of it belongs to none. ONNX Runtime works on as many blocks at a
 * time as a byte has codes, and leaves the codes of the byte before there, or 0 if these blocks have none yet.
 */
function fillLastByte(codes: Uint8Array, rows: number, block: NBitsBlock, bits: NBits, columnBytes: number): void {
  const perByte = 8 / bits;
  const filled = rows % perByte;
  const firstRow = rows - filled;
  if (filled === 0 || firstRow % (perByte * block) === 0) return;
  const rest = (0xff << (filled * bits)) & 0xff;
  for (let byte = firstRow / perByte; byte < codes.length; byte += columnBytes) {
    codes[byte] = codes[byte]! | (codes[byte - 1]! & rest);
  }
}
