/** Strengths that are tried: from, from + step, and so on up to the last. */
export interface AlphaRange {
  readonly from: number;
  readonly to: number;
  readonly step: number;
}

export const defaultRange: AlphaRange = { from: 0.3, to: 0.9, step: 0.05 };

/** The strengths of a range, rounded to what was written: no sums of steps show. */
export function alphasOf({ from, to, step }: AlphaRange): readonly number[] {
  const count = Math.floor((to - from) / step + 1e-9) + 1;
  return Array.from({ length: count }, (_, index) => Number((from + index * step).toFixed(6)));
}
