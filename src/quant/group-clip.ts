import { groupScalesKernel } from '../numerics/kernels/groups.js';
import { roundHalfToEven } from '../numerics/rounding.js';
import type { Matrix } from './matrix.js';

/** Smallest and largest value of every group: float32 [groups, N]. */
export interface GroupRanges {
  readonly minima: Float32Array;
  readonly maxima: Float32Array;
}

/** A range is tried at 1, 0.95, 0.9 .. 0.5 of its width, the first of equals is taken. */
const steps = 11;
const stepSize = 0.05;

/** Narrows the range of each group to where the squared error of its weights is least, with AMD's scales. */
export function shrinkRanges(
  weight: Matrix,
  rows: number,
  full: GroupRanges,
  { largestCode, symmetric }: { readonly largestCode: number; readonly symmetric: boolean },
): GroupRanges {
  const best = { minima: full.minima.slice(), maxima: full.maxima.slice() };
  const leastError = new Float64Array(full.minima.length).fill(Number.POSITIVE_INFINITY);
  for (let step = 0; step < steps; step++) {
    const share = 1 - step * stepSize;
    const shrunk = {
      minima: full.minima.map((value) => value * share),
      maxima: full.maxima.map((value) => value * share),
    };
    const parameters = groupScalesKernel(shrunk, largestCode, symmetric);
    const errors = groupErrors(weight, rows, parameters, largestCode);
    for (let group = 0; group < errors.length; group++) {
      if (!(errors[group]! < leastError[group]!)) continue;
      leastError[group] = errors[group]!;
      best.minima[group] = shrunk.minima[group]!;
      best.maxima[group] = shrunk.maxima[group]!;
    }
  }
  return best;
}

/** Squared error of every group: float64 [groups, N]. */
function groupErrors(
  { values, rows, columns }: Matrix,
  groupRows: number,
  { factors, zeroPoints }: ReturnType<typeof groupScalesKernel>,
  largestCode: number,
): Float64Array {
  const errors = new Float64Array(factors.length);
  for (let row = 0, index = 0; row < rows; row++) {
    const first = Math.floor(row / groupRows) * columns;
    for (let group = first; group < first + columns; group++, index++) {
      const value = values[index]!;
      const scale = factors[group]!;
      const zeroPoint = zeroPoints[group]!;
      const code = Math.min(Math.max(roundHalfToEven(Math.fround(value / scale)) + zeroPoint, 0), largestCode);
      errors[group]! += (value - (code - zeroPoint) * scale) ** 2;
    }
  }
  return errors;
}
