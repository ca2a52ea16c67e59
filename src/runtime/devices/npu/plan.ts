import type { GemmShape, TilePlan } from '../device.js';
import type { KernelTable } from './kernels.js';

/**
 * Cuts m x k x n into dispatches the way AMD's host code does: the weight shape decides depth and columns, the number of
 * rows decides the rows of the kernel, and what does not fit is padded with zeros. The host adds the outputs of all but the
 * first dispatch along k.
 */
export function planTiles(shape: GemmShape, kernels: KernelTable): TilePlan {
  const { k, n } = kernels.chooseWeights(shape.k, shape.n);
  const m = chooseRows(shape.m, kernels.rows);
  const passes = Math.ceil(shape.m / m);
  const depth = Math.ceil(shape.k / k);
  const columns = Math.ceil(shape.n / n);
  const dispatches = passes * depth * columns;
  return {
    shape,
    tiles: [{ m, k, n, count: dispatches }],
    dispatches,
    paddedShape: { m: passes * m, k: depth * k, n: columns * n },
    buffers: {
      activationBytes: m * k * kernels.activationElementBytes,
      weightBytes: depth * columns * kernels.packedBytes({ k, n }),
      outputBytes: m * n * kernels.accumulatorElementBytes,
    },
    hostAccumulations: passes * (depth - 1) * columns,
  };
}

/** The smallest kernel that takes all rows at once, or the largest kernel. */
function chooseRows(rows: number, available: readonly number[]): number {
  const chosen = available.find((candidate) => candidate >= rows) ?? available.at(-1);
  if (chosen === undefined) throw new Error('a kernel table has no rows');
  return chosen;
}
