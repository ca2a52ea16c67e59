import { compareGroupsKernel } from '../numerics/kernels/groups.js';
import { compareInt8Kernel } from '../numerics/kernels/int8.js';
import { nbitsParameters } from './dequantize.js';
import type { Int8Weight } from './int8-weight.js';
import type { Matrix } from './matrix.js';
import type { NBitsWeight } from './nbits-weight.js';
import { errorOf, type WeightError } from './weight-error.js';

/** How far a weight is from the 8-bit codes that stand for it. Sums are kept in float64. */
export function int8Error(weight: Matrix, { codes, columns, scales }: Int8Weight): WeightError {
  return errorOf(compareInt8Kernel(weight.values, codes, columns, scales));
}

/** How far a weight is from the codes in groups that stand for it. Sums are kept in float64. */
export function nbitsError(weight: Matrix, quantized: NBitsWeight): WeightError {
  const { parameters, layout } = nbitsParameters(quantized);
  return errorOf(compareGroupsKernel(weight, quantized.codes, parameters, layout));
}
