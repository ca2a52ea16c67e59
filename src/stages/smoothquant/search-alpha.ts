import { type AlphaRange, alphasOf } from './alpha-range.js';

/** What was found for a group. */
export interface AlphaChoice {
  readonly alpha: number;
  readonly scales: Float32Array;
  /** Relative squared error of the outputs with this strength, and the largest of the range. */
  readonly error: number;
  readonly largestError: number;
}

/** The strength with the least error; of equal ones the first. */
export function searchAlpha(
  range: AlphaRange,
  scalesOf: (alpha: number) => Float32Array,
  errorOf: (scales: Float32Array) => number,
): AlphaChoice {
  let best: Omit<AlphaChoice, 'largestError'> | undefined;
  let largestError = 0;
  for (const alpha of alphasOf(range)) {
    const scales = scalesOf(alpha);
    const error = errorOf(scales);
    largestError = Math.max(largestError, error);
    if (best === undefined || error < best.error) best = { alpha, scales, error };
  }
  if (best === undefined) throw new Error('a range has a strength');
  return { ...best, largestError };
}
