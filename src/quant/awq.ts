import { giveScratch, takeScratch } from '../numerics/scratch.js';
import { type GroupOptions, groupError, groupRows } from './groups.js';
import { type Matrix, matrix } from './matrix.js';
import {
  diagonalMoments,
  foldMoments,
  groupOutputErrors,
  outputErrors,
  type WeightedProducts,
} from './second-moments.js';

/**
 * Activation-aware weight quantization (Lin et al. 2023, arXiv 2306.00978; llm-awq's `auto_scale.py` and `auto_clip.py`).
 * Output errors are taken from second moments of the inputs: with G = X^T X and the weight error D the squared error of the
 * output X D is the sum of D * (G D), for as many tokens as went into G.
 */

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
  products: WeightedProducts,
): ScaleSearch {
  const candidates = Array.from({ length: grid }, (_, step) => awqScales(absmean, step / grid));
  const moments = foldMoments(gram);
  const losses = candidates.map((rowFactors) => {
    const errors = weights.map((weight) =>
      withError(weight, (error) => {
        groupError(weight, options, { rowFactors }, error);
        return outputErrors(moments, error, products);
      }),
    );
    return errors.flatMap((each) => [...each]).reduce((sum, loss) => sum + loss, 0);
  });
  const best = losses.reduce((least, loss, index) => (loss < losses[least]! ? index : least), 0);
  return { scales: candidates[best]!, ratio: best / grid, losses };
}

/** AWQ's scales for one ratio: float32 [K]. */
export function awqScales(absmean: Float32Array, ratio: number): Float32Array {
  const powers = Float64Array.from(absmean, (mean) => Math.max(mean ** ratio, smallestScale));
  const centre = Math.sqrt(Math.max(...powers) * Math.min(...powers));
  return Float32Array.from(powers, (power) => power / centre);
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
 * @param scales what the inputs are divided by, whose second moments are given [K, K]
 */
export function searchClip(
  weight: Matrix,
  gram: Matrix,
  options: GroupOptions,
  products: WeightedProducts,
  scales?: Float32Array,
): ClipSearch {
  const size = groupRows(weight, options.group);
  const moments = diagonalMoments(gram, size, scales);
  const shares = new Float32Array(Math.ceil(weight.rows / size) * weight.columns).fill(1);
  const least = new Float32Array(shares.length).fill(Number.POSITIVE_INFINITY);
  for (let step = 0; step < clipGrid * (1 - narrowestShare); step++) {
    const boundShare = Math.fround(1 - step / clipGrid);
    const losses = withError(weight, (error) => {
      groupError(weight, options, { boundShare }, error);
      return groupOutputErrors(moments, error, products);
    });
    for (let place = 0; place < losses.length; place++) {
      if (!(losses[place]! < least[place]!)) continue;
      least[place] = losses[place]!;
      shares[place] = boundShare;
    }
  }
  const bounds = groupMagnitudes(weight, size).map((magnitude, place) => magnitude * shares[place]!);
  const clippedShare = shares.reduce((sum, share) => sum + (share < 1 ? 1 : 0), 0) / shares.length;
  return { weight: limited(weight, size, bounds), bounds, clippedShare };
}

/** The largest magnitude of each group: float32 [groups, N]. */
function groupMagnitudes({ values, columns, rows }: Matrix, size: number): Float32Array {
  const largest = new Float32Array(Math.ceil(rows / size) * columns);
  for (let row = 0, index = 0; row < rows; row++) {
    const start = Math.floor(row / size) * columns;
    for (let place = start; place < start + columns; place++, index++) {
      const magnitude = Math.abs(values[index]!);
      if (magnitude > largest[place]!) largest[place] = magnitude;
    }
  }
  return largest;
}

/** A weight with the values of each group limited to -bound..bound. */
function limited({ values, rows, columns }: Matrix, size: number, bounds: Float32Array): Matrix {
  const result = new Float32Array(values.length);
  for (let row = 0, index = 0; row < rows; row++) {
    const start = Math.floor(row / size) * columns;
    for (let place = start; place < start + columns; place++, index++) {
      const bound = bounds[place]!;
      const value = values[index]!;
      result[index] = Math.min(Math.max(value, -bound), bound);
    }
  }
  return matrix(result, rows, columns);
}

/** Lends an array for the error of a weight. */
function withError<Result>({ values, rows, columns }: Matrix, use: (error: Matrix) => Result): Result {
  const scratch = takeScratch(values.length);
  const result = use(matrix(scratch, rows, columns));
  giveScratch(scratch);
  return result;
}
