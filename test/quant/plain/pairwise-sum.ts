const { fround } = Math;
const unrolled = 8;
const blockSize = 128;

/** The float32 sum of values in the order of numpy's pairwise summation (`@TYPE@_pairwise_sum` of loops_utils.h). */
export function pairwiseSum(values: Float32Array): number {
  const { length } = values;
  if (length < unrolled) return values.reduce((sum, value) => fround(sum + value), 0);
  if (length > blockSize) {
    const half = Math.floor(length / 2 / unrolled) * unrolled;
    return fround(pairwiseSum(values.subarray(0, half)) + pairwiseSum(values.subarray(half)));
  }
  const sums = values.slice(0, unrolled);
  const end = length - (length % unrolled);
  for (let start = unrolled; start < end; start += unrolled) {
    for (let lane = 0; lane < unrolled; lane++) sums[lane]! += values[start + lane]!;
  }
  const pair = (lane: number): number => fround(sums[lane]! + sums[lane + 1]!);
  let sum = fround(fround(pair(0) + pair(2)) + fround(pair(4) + pair(6)));
  for (let index = end; index < length; index++) sum = fround(sum + values[index]!);
  return sum;
}
