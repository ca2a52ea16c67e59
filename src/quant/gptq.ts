import { QuernError } from '../errors.js';
import { quantizeRowGroupsKernel, quantizeRowsKernel, type RowBlock } from '../numerics/kernels/gptq.js';
import type { GroupParameters } from '../numerics/kernels/groups.js';
import { cholesky, type TransposedProduct } from './cholesky.js';
import { requireFinite } from './finite.js';
import { encodeGroups, findGroupParameters, type GroupOptions, groupRows } from './groups.js';
import { type Matrix, matrix } from './matrix.js';
import type { NBitsWeight } from './nbits-weight.js';

/** left right */
export type MatrixProduct = (left: Matrix, right: Matrix) => Matrix;

export interface GptqOptions extends GroupOptions {
  /** What is added to the diagonal of the second moments, as a share of its mean. */
  readonly damp: number;
  /**
   * Whether input features are quantized in the order of their second moments, the largest first. Scales then come from
   * the weight as it was (static groups), else from what it has become when a group is reached.
   */
  readonly actOrder: boolean;
}

/** Rows that are quantized before their errors go to all rows that follow. No group of fewer rows than 'channel' is larger. */
const blockRows = 256;

/** What GPTQ knows of an input, for all weights that read it. */
export interface GptqInput {
  /** Input features in the order in which they are quantized. */
  readonly order: Uint32Array;
  /** L with L L^T = H, the damped second moments with the last feature of that order first: float64 [K, K]. */
  readonly factor: Float64Array;
  /** Features that calibration never saw active: 1, the others 0. */
  readonly isDead: Uint8Array;
}

/**
 * Prepares the second moments of an input [K, K].
 * @throws QuernError (`stage`) if they can't be factored
 */
export function prepareGptqInput(
  gram: Matrix,
  { damp, actOrder }: Pick<GptqOptions, 'damp' | 'actOrder'>,
  product: TransposedProduct,
): GptqInput {
  const order = featureOrder(gram, actOrder);
  const isDead = Uint8Array.from(order.keys(), (feature) => (momentOf(gram, feature) === 0 ? 1 : 0));
  const factor = dampedMoments(gram, order, damp);
  if (cholesky(factor, order.length, product)) return { order, factor, isDead };
  throw new QuernError('stage', 'the second moments of the inputs are not positive definite', {
    suggestion: 'calibrate with more tokens, or raise damp',
  });
}

/**
 * Quantizes a weight so that the output error over the calibration data is small (GPTQ, Frantar et al. 2022, arXiv
 * 2210.17323): input features one after the other, each making up for the errors of those before.
 *
 * With H = M M^T, M upper triangular, the squared output error is that of M^T D. Row j of it ends with M[j, j] D[j], so that
 * feature j aims at W[j] + sum over k < j of M[k, j] D[k] / M[j, j]: the same as spreading errors by the factor of the
 * inverse of H (Chen et al. 2025, arXiv 2507.18553), without the inverse.
 * @throws QuernError (`input`) if the weight is not finite
 */
export function quantizeGptq(
  weight: Matrix,
  input: GptqInput,
  options: GptqOptions,
  product: MatrixProduct,
): NBitsWeight {
  requireFinite(weight);
  const { rows, columns } = weight;
  const work = permuteRows(weight, input);
  const errors = new Float32Array(work.values.length);
  const quantized = matrix(new Float32Array(work.values.length), rows, columns);
  const parameters = findGroupParameters(weight, options);
  const size = groupRows(weight, options.group);
  for (let first = 0; first < rows; first += blockRows) {
    const end = Math.min(first + blockRows, rows);
    const sums = errors.subarray(first * columns, end * columns);
    if (first > 0) {
      const before = matrix(errors.subarray(0, first * columns), first, columns);
      sums.set(product(matrix(earlierFactors(input, first, end), end - first, first), before).values);
    }
    const block: RowBlock = {
      weight: matrix(work.values.subarray(first * columns, end * columns), end - first, columns),
      sums,
      factors: blockFactors(input, first, end),
      largestCode: 2 ** options.bits - 1,
    };
    const values =
      options.actOrder || options.group === 'channel'
        ? quantizeRowsKernel(block, rowParameters(parameters, input.order.subarray(first, end), size, columns))
        : quantizeGroupsOf(block, parameters, first / size, size, options.symmetric);
    for (let place = first; place < end; place++) {
      const start = (place - first) * columns;
      quantized.values.set(values.subarray(start, start + columns), input.order[place]! * columns);
    }
  }
  return encodeGroups(quantized, options, parameters);
}

/** Quantizes a block with the scales of what its groups have become, and notes them. */
function quantizeGroupsOf(
  block: RowBlock,
  { factors, zeroPoints }: GroupParameters,
  firstGroup: number,
  size: number,
  symmetric: boolean,
): Float32Array {
  const { values, parameters } = quantizeRowGroupsKernel(block, size, symmetric);
  factors.set(parameters.factors, firstGroup * block.weight.columns);
  zeroPoints.set(parameters.zeroPoints, firstGroup * block.weight.columns);
  return values;
}

function featureOrder(gram: Matrix, actOrder: boolean): Uint32Array {
  const order = Uint32Array.from({ length: gram.rows }, (_, feature) => feature);
  if (!actOrder) return order;
  return order.sort((first, second) => momentOf(gram, second) - momentOf(gram, first) || first - second);
}

function momentOf({ values, columns }: Matrix, feature: number): number {
  return values[feature * columns + feature]!;
}

/** Second moments with a damped diagonal, the last feature of the order first: float64 [K, K]. */
function dampedMoments(gram: Matrix, order: Uint32Array, damp: number): Float64Array {
  const size = order.length;
  const reversed = order.toReversed();
  const moments = new Float64Array(size * size);
  const trace = order.reduce((sum, feature) => sum + momentOf(gram, feature), 0);
  for (let row = 0, index = 0; row < size; row++) {
    const start = reversed[row]! * size;
    for (let column = 0; column < size; column++, index++) moments[index] = gram.values[start + reversed[column]!]!;
    const diagonal = row * size + row;
    if (moments[diagonal] === 0) moments[diagonal] = 1;
    moments[diagonal]! += (damp * trace) / size;
  }
  return moments;
}

/** The rows of a weight in an order, those of features that were never active set to zero. */
function permuteRows({ values, rows, columns }: Matrix, { order, isDead }: GptqInput): Matrix {
  const permuted = new Float32Array(values.length);
  for (const [place, feature] of order.entries()) {
    if (isDead[feature] === 1) continue;
    permuted.set(values.subarray(feature * columns, (feature + 1) * columns), place * columns);
  }
  return matrix(permuted, rows, columns);
}

/** What rows `first` to `end` get of the errors of all before them: float32 [end - first, first]. */
function earlierFactors({ factor, order }: GptqInput, first: number, end: number): Float32Array {
  const size = order.length;
  const factors = new Float32Array((end - first) * first);
  for (let row = first; row < end; row++) {
    const column = size - 1 - row;
    const diagonal = factor[column * size + column]!;
    const start = (row - first) * first;
    for (let place = 0; place < first; place++) {
      factors[start + place] = factor[(size - 1 - place) * size + column]! / diagonal;
    }
  }
  return factors;
}

/** What rows of a block get of each other's errors: float32 [rows, rows], that of the row with the error first. */
function blockFactors({ factor, order }: GptqInput, first: number, end: number): Float32Array {
  const size = order.length;
  const rows = end - first;
  const factors = new Float32Array(rows * rows);
  for (let place = 0; place < rows; place++) {
    const start = (size - 1 - first - place) * size;
    for (let later = place + 1; later < rows; later++) {
      const column = size - 1 - first - later;
      factors[place * rows + later] = factor[start + column]! / factor[column * size + column]!;
    }
  }
  return factors;
}

/** Scales and zero points of the groups that features are in: float32 [features, N]. */
function rowParameters(
  { factors, zeroPoints }: GroupParameters,
  features: Uint32Array,
  size: number,
  columns: number,
): GroupParameters {
  const rowsOf = (values: Float32Array): Float32Array => {
    const rows = new Float32Array(features.length * columns);
    for (const [row, feature] of features.entries()) {
      const group = Math.floor(feature / size);
      rows.set(values.subarray(group * columns, (group + 1) * columns), row * columns);
    }
    return rows;
  };
  return { factors: rowsOf(factors), zeroPoints: rowsOf(zeroPoints) };
}
