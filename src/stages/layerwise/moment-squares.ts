import type { Matrix } from '../../quant/matrix.js';
import { foldMoments, squaredOutput } from '../../quant/second-moments.js';
import type { MatrixProducts } from './matrix-products.js';
import type { OutputSquares } from './output-error.js';

/**
 * The squares ||X (W' - W)||^2 and ||X W||^2 for the inputs X [tokens, K] whose second moments X^T X are given [K, K].
 * `changed`, W', is overwritten by the difference.
 */
export function squaresOf(weight: Matrix, changed: Matrix, gram: Matrix, { weighted }: MatrixProducts): OutputSquares {
  const moments = foldMoments(gram);
  const difference = changed.values;
  for (let index = 0; index < difference.length; index++) difference[index]! -= weight.values[index]!;
  return { error: squaredOutput(moments, changed, weighted), output: squaredOutput(moments, weight, weighted) };
}
