import { kQuantizeBlocksKernel } from '../numerics/kernels/blocks.js';
import { requireFinite } from './finite.js';
import type { Matrix } from './matrix.js';
import type { NBitsBlock, NBitsWeight } from './nbits-weight.js';
import { nbitsColumnBytes, nbitsLargestCode } from './nbits-weight.js';
import { packZeroPoints } from './nbits-zero-points.js';
import { errorOf, type WeightError } from './weight-error.js';

/** Steps of the search, and by how much the number of levels grows with each. */
const searchSteps = 20;
const levelStep = 0.1;

export interface KQuantOptions {
  readonly bits: 4 | 8;
  readonly block: NBitsBlock;
}

/**
 * Quantizes a weight as ONNX Runtime's `KQuantWeightOnlyQuantConfig` does (neural_compressor/weight_only.py,
 * `quant_tensor_k_quant_cpu`, after llama.cpp's `make_qkx2_quants`): of 21 fits of scale and minimum each block gets the one
 * with the least squared error, weighted by the magnitude of a value plus the root mean square of the block. Asymmetric. The
 * search is in float32 with numpy's order of sums; codes are then found in float64. Missing rows of the last block count as
 * zeros.
 * @throws QuernError (`input`) if the weight is not finite
 */
export function quantizeKQuant(weight: Matrix, options: KQuantOptions): NBitsWeight {
  return quantizeKQuantWithError(weight, options).quantized;
}

/** As `quantizeKQuant`, with the error that is found on the way. */
export function quantizeKQuantWithError(
  weight: Matrix,
  { bits, block }: KQuantOptions,
): { readonly quantized: NBitsWeight; readonly error: WeightError } {
  const { rows, columns } = weight;
  const largestCode = nbitsLargestCode(bits);
  const layout = { group: block, bits, largestCode, columnBytes: nbitsColumnBytes(rows, block, bits) };
  const levels = Float32Array.from({ length: searchSteps }, (_, step) => -1 + levelStep * step + largestCode);
  const { codes, scales, zeroPoints = [], comparison } = kQuantizeBlocksKernel(weight, layout, levels);
  requireFinite(weight, comparison.squaredNorm);
  const packed = packZeroPoints(zeroPoints, columns, bits);
  return {
    quantized: { rows, columns, bits, block, codes, scales, zeroPoints: packed },
    error: errorOf(comparison),
  };
}
