import { QuernError } from '../errors.js';
import type { GroupParameters } from '../numerics/kernels/groups.js';
import { roundHalfToEven } from '../numerics/rounding.js';
import { inverseCholesky } from './cholesky.js';
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

/** Rows after which the errors are spread over all rows that follow. */
const blockRows = 128;

/** What GPTQ knows of an input, for all weights that read it. */
export interface GptqInput {
  /** Input features in the order in which they are quantized. */
  readonly order: Uint32Array;
  /** U with U^T U = H^-1, H being the damped second moments in that order: float64 [K, K]. */
  readonly factor: Float64Array;
  /** Features that calibration never saw active: 1, the others 0. */
  readonly isDead: Uint8Array;
}

/**
 * Prepares the second moments of an input [K, K].
 * @throws QuernError (`stage`) if they can't be factored
 */
export function prepareGptqInput(gram: Matrix, { damp, actOrder }: Pick<GptqOptions, 'damp' | 'actOrder'>): GptqInput {
  const order = featureOrder(gram, actOrder);
  const isDead = Uint8Array.from(order.keys(), (feature) => (momentOf(gram, feature) === 0 ? 1 : 0));
  return { order, factor: inverseFactor(gram, order, damp), isDead };
}

/**
 * Quantizes a weight so that the output error over the calibration data is small (GPTQ, Frantar et al. 2022, arXiv
 * 2210.17323): input features one after the other, the error of each spread over those that follow, by the Cholesky factor
 * of the inverse of the damped second moments of the inputs.
 * @throws QuernError (`input`) if the weight is not finite
 */
export function quantizeGptq(
  weight: Matrix,
  { order, factor, isDead }: GptqInput,
  options: GptqOptions,
  product: MatrixProduct,
): NBitsWeight {
  requireFinite(weight);
  const work = permuteRows(weight, order);
  for (const [place, feature] of order.entries()) if (isDead[feature] === 1) rowOf(work, place).fill(0);
  const parameters = findGroupParameters(weight, options);
  const size = groupRows(weight, options.group);
  const quantized = matrix(new Float32Array(weight.values.length), weight.rows, weight.columns);
  for (let first = 0; first < order.length; first += blockRows) {
    const end = Math.min(first + blockRows, order.length);
    const errors = matrix(new Float32Array((end - first) * weight.columns), end - first, weight.columns);
    for (let place = first; place < end; place++) {
      const feature = order[place]!;
      const group = Math.floor(feature / size);
      if (!options.actOrder && feature % size === 0) updateParameters(parameters, work, group, size, options);
      const row = rowOf(work, place);
      const result = rowOf(quantized, feature);
      quantizeRow(row, parameters, group, 2 ** options.bits - 1, result);
      const error = rowOf(errors, place - first);
      const factors = factor.subarray(place * order.length, (place + 1) * order.length);
      for (let column = 0; column < error.length; column++) {
        error[column] = (row[column]! - result[column]!) / factors[place]!;
      }
      for (let later = place + 1; later < end; later++) subtractScaled(rowOf(work, later), error, factors[later]!);
    }
    if (end < order.length) spread(work, errors, factor, first, end, product);
  }
  return encodeGroups(quantized, options, parameters);
}

function featureOrder(gram: Matrix, actOrder: boolean): Uint32Array {
  const order = Uint32Array.from({ length: gram.rows }, (_, feature) => feature);
  if (!actOrder) return order;
  return order.sort((first, second) => momentOf(gram, second) - momentOf(gram, first) || first - second);
}

function momentOf({ values, columns }: Matrix, feature: number): number {
  return values[feature * columns + feature]!;
}

/** The factor U of the inverse of the damped second moments in an order of features: float64 [K, K]. */
function inverseFactor(gram: Matrix, order: Uint32Array, damp: number): Float64Array {
  const size = order.length;
  const moments = new Float64Array(size * size);
  let trace = 0;
  for (let row = 0, index = 0; row < size; row++) {
    const start = order[row]! * size;
    trace += momentOf(gram, order[row]!);
    for (let column = 0; column < size; column++, index++) moments[index] = gram.values[start + order[column]!]!;
  }
  for (let row = 0; row < size; row++) {
    const diagonal = row * size + row;
    if (moments[diagonal] === 0) moments[diagonal] = 1;
    moments[diagonal]! += (damp * trace) / size;
  }
  const factor = inverseCholesky(moments, size);
  if (factor !== undefined) return factor;
  throw new QuernError('stage', 'the second moments of the inputs are not positive definite', {
    suggestion: 'calibrate with more tokens, or raise damp',
  });
}

function permuteRows(weight: Matrix, order: Uint32Array): Matrix {
  const values = new Float32Array(weight.values.length);
  for (const [place, feature] of order.entries()) {
    values.set(
      weight.values.subarray(feature * weight.columns, (feature + 1) * weight.columns),
      place * weight.columns,
    );
  }
  return matrix(values, weight.rows, weight.columns);
}

function rowOf({ values, columns }: Matrix, row: number): Float32Array {
  return values.subarray(row * columns, (row + 1) * columns);
}

/** Finds the scales of a group from what its rows have become. */
function updateParameters(
  { factors, zeroPoints }: GroupParameters,
  work: Matrix,
  group: number,
  size: number,
  options: GptqOptions,
): void {
  const { columns } = work;
  const rows = Math.min(size, work.rows - group * size);
  const part = matrix(work.values.subarray(group * size * columns, (group * size + rows) * columns), rows, columns);
  const found = findGroupParameters(part, { ...options, group: 'channel' });
  factors.set(found.factors, group * columns);
  zeroPoints.set(found.zeroPoints, group * columns);
}

/** What a row becomes. */
function quantizeRow(
  row: Float32Array,
  { factors, zeroPoints }: GroupParameters,
  group: number,
  largestCode: number,
  result: Float32Array,
): void {
  for (let column = 0, index = group * row.length; column < row.length; column++, index++) {
    const scale = factors[index]!;
    const zeroPoint = zeroPoints[index]!;
    const code = roundHalfToEven(Math.fround(row[column]! / scale)) + zeroPoint;
    result[column] = (Math.min(Math.max(code, 0), largestCode) - zeroPoint) * scale;
  }
}

function subtractScaled(row: Float32Array, error: Float32Array, factor: number): void {
  for (let column = 0; column < row.length; column++) row[column]! -= factor * error[column]!;
}

/** Subtracts the part of a block's errors from all rows behind it. */
function spread(
  work: Matrix,
  errors: Matrix,
  factor: Float64Array,
  first: number,
  end: number,
  product: MatrixProduct,
): void {
  const later = work.rows - end;
  const factors = new Float32Array(later * errors.rows);
  for (let row = 0, index = 0; row < later; row++) {
    for (let place = first; place < end; place++, index++) factors[index] = factor[place * work.rows + end + row]!;
  }
  const change = product(matrix(factors, later, errors.rows), errors);
  const rest = work.values.subarray(end * work.columns);
  for (let index = 0; index < rest.length; index++) rest[index]! -= change.values[index]!;
}
