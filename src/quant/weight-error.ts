import { type Comparison, compareKernel } from '../numerics/kernels/comparison.js';
import type { Matrix } from './matrix.js';

/** How far a quantized weight is from the original. */
export interface WeightError {
  /** Frobenius norm of the difference over that of the weight. 0 if both are 0. */
  readonly relativeFrobenius: number;
  /** The largest absolute difference of a value. */
  readonly largest: number;
}

/** Compares a weight with what its codes stand for. Sums are kept in float64. */
export function weightError(weight: Matrix, dequantized: Matrix): WeightError {
  if (weight.rows !== dequantized.rows || weight.columns !== dequantized.columns) {
    throw new Error(
      `can't compare ${weight.rows} x ${weight.columns} with ${dequantized.rows} x ${dequantized.columns} values`,
    );
  }
  return errorOf(compareKernel(weight.values, dequantized.values));
}

/** The error that sums over a weight and its difference say. */
export function errorOf({ squaredError, squaredNorm, largest }: Comparison): WeightError {
  return { relativeFrobenius: squaredError === 0 ? 0 : Math.sqrt(squaredError / squaredNorm), largest };
}
