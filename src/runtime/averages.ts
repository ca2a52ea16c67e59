/** The middle of some numbers, or the mean of the two in the middle. Throws without any. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const [upper, lower] = [sorted[middle], sorted[sorted.length % 2 === 0 ? middle - 1 : middle]];
  if (upper === undefined || lower === undefined) throw new Error('no numbers have no median');
  return (upper + lower) / 2;
}

/** Throws without any numbers. */
export function mean(values: readonly number[]): number {
  if (values.length === 0) throw new Error('no numbers have no mean');
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
