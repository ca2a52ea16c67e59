/** max |a - b| / max |a|. Infinite where a logit is not finite. */
export function logitError(expected: Float32Array, actual: Float32Array): number {
  if (expected.length !== actual.length) throw new Error(`${expected.length} logits and ${actual.length} logits`);
  let largest = 0;
  let difference = 0;
  for (let index = 0; index < expected.length; index++) {
    const [a, b] = [expected[index]!, actual[index]!];
    if (!Number.isFinite(a) || !Number.isFinite(b)) return Number.POSITIVE_INFINITY;
    largest = Math.max(largest, Math.abs(a));
    difference = Math.max(difference, Math.abs(a - b));
  }
  return difference === 0 ? 0 : difference / largest;
}
