import { type GroupOptions, groupError, groupRows, pseudoQuantizeGroups } from './groups.js';
import { type Matrix, matrix } from './matrix.js';

/**
 * Activation-aware weight quantization (Lin et al. 2023, arXiv 2306.00978; llm-awq's `auto_scale.py` and `auto_clip.py`).
 * Output errors are taken from second moments of the inputs: with G = X^T X and the weight error D the squared error of the
 * output X D is the sum of D * (G D), for as many tokens as went into G.
 */

/** G D, column by column multiplied with D and summed: float32 [N], the squared error of each output feature. */
export type OutputErrors = (gram: Matrix, error: Matrix) => Float32Array;

/** Smallest scale before they are centred around 1. */
const smallestScale = 1e-4;
/** Ranges are narrowed to no less than this share. */
const narrowestShare = 0.5;
const clipGrid = 20;

/** What the search found for one group of linear layers. */
export interface ScaleSearch {
  /** Factors of the rows of the weights: float32 [K]. */
  readonly scales: Float32Array;
  readonly ratio: number;
  /** Squared error of the outputs, of every ratio tried. The first is that without scales. */
  readonly losses: readonly number[];
}

/**
 * Scales of the input features of linear layers that read the same input: s = max(mean magnitude ^ ratio, 1e-4), divided by
 * the geometric mean of its extremes, for ratios 0, 1 / grid .. (grid - 1) / grid. The first with the least error wins.
 * @param absmean mean magnitude of each input feature [K]
 * @param gram second moments of the inputs [K, K]
 */
export function searchScales(
  weights: readonly Matrix[],
  absmean: Float32Array,
  gram: Matrix,
  options: GroupOptions,
  grid: number,
  outputErrors: OutputErrors,
): ScaleSearch {
  const candidates = Array.from({ length: grid }, (_, step) => awqScales(absmean, step / grid));
  const losses = candidates.map((scales) =>
    weights.reduce((sum, weight) => sum + total(outputErrors(gram, groupError(weight, options, scales))), 0),
  );
  const best = losses.reduce((least, loss, index) => (loss < losses[least]! ? index : least), 0);
  return { scales: candidates[best]!, ratio: best / grid, losses };
}

/** AWQ's scales for one ratio: float32 [K]. */
export function awqScales(absmean: Float32Array, ratio: number): Float32Array {
  const powers = Float64Array.from(absmean, (mean) => Math.max(mean ** ratio, smallestScale));
  const centre = Math.sqrt(Math.max(...powers) * Math.min(...powers));
  return Float32Array.from(powers, (power) => power / centre);
}

/** Second moments of inputs that are divided by scales. */
export function scaleGram({ values, rows, columns }: Matrix, scales: Float32Array): Matrix {
  const scaled = new Float32Array(values.length);
  for (let row = 0, index = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++, index++) {
      scaled[index] = values[index]! / (scales[row]! * scales[column]!);
    }
  }
  return matrix(scaled, rows, columns);
}

/** What the clip search found for one weight. */
export interface ClipSearch {
  /** The weight with the values of each group limited to its bound. */
  readonly weight: Matrix;
  /** Bounds: float32 [groups, N]. */
  readonly bounds: Float32Array;
  /** Share of the groups that are limited. */
  readonly clippedShare: number;
}

/**
 * Limits the values of each group of each output feature to the share 1, 0.95 .. 0.55 of their largest magnitude that has
 * the least error of the group's part of the output. Of equal errors the widest range wins.
 */
export function searchClip(
  weight: Matrix,
  gram: Matrix,
  options: GroupOptions,
  outputErrors: OutputErrors,
): ClipSearch {
  const { rows, columns } = weight;
  const size = groupRows(weight, options.group);
  const groups = Math.ceil(rows / size);
  const clipped = new Float32Array(weight.values);
  const bounds = new Float32Array(groups * columns);
  let limited = 0;
  for (let group = 0; group < groups; group++) {
    const first = group * size;
    const end = Math.min(first + size, rows);
    const part = matrix(weight.values.subarray(first * columns, end * columns), end - first, columns);
    const best = searchGroupBounds(part, diagonalBlock(gram, first, end), options, outputErrors);
    limit(clipped.subarray(first * columns, end * columns), best.bounds);
    bounds.set(best.bounds, group * columns);
    limited += best.limited;
  }
  return { weight: matrix(clipped, rows, columns), bounds, clippedShare: limited / bounds.length };
}

function searchGroupBounds(
  part: Matrix,
  gram: Matrix,
  options: GroupOptions,
  outputErrors: OutputErrors,
): { readonly bounds: Float32Array; readonly limited: number } {
  const { columns } = part;
  const largest = columnMagnitudes(part);
  const bounds = largest.slice();
  const least = new Float32Array(columns).fill(Number.POSITIVE_INFINITY);
  const isLimited = new Uint8Array(columns);
  for (let step = 0; step < clipGrid * (1 - narrowestShare); step++) {
    const candidate = largest.map((magnitude) => magnitude * (1 - step / clipGrid));
    const limited = matrix(part.values.slice(), part.rows, columns);
    limit(limited.values, candidate);
    const restored = pseudoQuantizeGroups(limited, { ...options, group: 'channel' });
    const error = restored.values.map((value, index) => part.values[index]! - value);
    for (const [column, loss] of outputErrors(gram, matrix(error, part.rows, columns)).entries()) {
      if (!(loss < least[column]!)) continue;
      least[column] = loss;
      bounds[column] = candidate[column]!;
      isLimited[column] = step > 0 ? 1 : 0;
    }
  }
  return { bounds, limited: isLimited.reduce((sum, flag) => sum + flag, 0) };
}

function columnMagnitudes({ values, columns }: Matrix): Float32Array {
  const largest = new Float32Array(columns);
  for (let start = 0; start < values.length; start += columns) {
    for (let column = 0; column < columns; column++) {
      largest[column] = Math.max(largest[column]!, Math.abs(values[start + column]!));
    }
  }
  return largest;
}

/** Limits the values of each column to -bound..bound, in place. */
function limit(values: Float32Array, bounds: Float32Array): void {
  for (let start = 0; start < values.length; start += bounds.length) {
    for (let column = 0; column < bounds.length; column++) {
      const bound = bounds[column]!;
      const value = values[start + column]!;
      if (value > bound) values[start + column] = bound;
      else if (value < -bound) values[start + column] = -bound;
    }
  }
}

/** Rows and columns `first` to `end` of a square matrix. */
function diagonalBlock({ values, columns }: Matrix, first: number, end: number): Matrix {
  const size = end - first;
  const block = new Float32Array(size * size);
  for (let row = 0; row < size; row++) {
    const start = (first + row) * columns;
    block.set(values.subarray(start + first, start + end), row * size);
  }
  return matrix(block, size, size);
}

function total(values: Float32Array): number {
  let sum = 0;
  for (const value of values) sum += value;
  return sum;
}
