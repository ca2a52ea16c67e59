import type { Matrix } from '../../../src/quant/matrix.js';

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
  const errors = [0, 0, 0, 0];
  const norms = [0, 0, 0, 0];
  let largest = 0;
  for (let index = 0; index < weight.values.length; index++) {
    const value = weight.values[index]!;
    const difference = value - dequantized.values[index]!;
    errors[index % 4]! += difference * difference;
    norms[index % 4]! += value * value;
    largest = Math.max(largest, Math.abs(difference));
  }
  const sum = ([a, b, c, d]: readonly number[]): number => a! + b! + (c! + d!);
  return { relativeFrobenius: sum(errors) === 0 ? 0 : Math.sqrt(sum(errors) / sum(norms)), largest };
}
