import type { NpuName } from '../names.js';

/** Shape of the weights of one kernel: depth k, columns n. */
export interface WeightTile {
  readonly k: number;
  readonly n: number;
}

export type KernelFlow = 'w8a8' | 'w8a16' | 'w4-g32' | 'w4-g128' | 'bf16';

/** The kernels of one flow: each number of rows exists with each weight shape. */
export interface KernelTable {
  readonly flow: KernelFlow;
  /** Rows of one dispatch, ascending. More rows than the last are done in several passes. */
  readonly rows: readonly number[];
  readonly weights: readonly WeightTile[];
  readonly activationElementBytes: number;
  readonly accumulatorElementBytes: number;
  /** The kernel for a weight matrix, fixed when the weights are packed. */
  chooseWeights(k: number, n: number): WeightTile;
  /** Packed size of one weight tile in bytes. */
  packedBytes(tile: WeightTile): number;
}

function int8Bytes({ k, n }: WeightTile): number {
  return k * n;
}

const w8a8Tiles = {
  square: { k: 2048, n: 2048 },
  wide: { k: 2048, n: 8192 },
  deep: { k: 8192, n: 2048 },
} as const satisfies { readonly [name: string]: WeightTile };

/** int8 x int8 -> int32. Shape tables of the RyzenAI-SW release 1.2 (a8w8acc32). */
export const w8a8Kernels: KernelTable = {
  flow: 'w8a8',
  rows: [1, 8, 16, 32, 64],
  weights: Object.values(w8a8Tiles),
  activationElementBytes: 1,
  accumulatorElementBytes: 4,
  chooseWeights(k, n) {
    if (k > 2048 && n <= 2048) return w8a8Tiles.deep;
    if (k <= 2048 && n > 2048) return w8a8Tiles.wide;
    return w8a8Tiles.square;
  },
  packedBytes: int8Bytes,
};

const w8a16Tiles = {
  square: { k: 4096, n: 4096 },
  wide: { k: 4096, n: 11008 },
  deep: { k: 11264, n: 4096 },
} as const satisfies { readonly [name: string]: WeightTile };

/** int16 x int8 -> int64. Shape tables of the RyzenAI-SW release 1.2 (a16w8acc64, Strix only). */
export const w8a16Kernels: KernelTable = {
  flow: 'w8a16',
  rows: [1, 8, 32],
  weights: Object.values(w8a16Tiles),
  activationElementBytes: 2,
  accumulatorElementBytes: 8,
  chooseWeights(k, n) {
    if (n > 4096) return w8a16Tiles.wide;
    if (k > 4096) return w8a16Tiles.deep;
    return w8a16Tiles.square;
  },
  packedBytes: int8Bytes,
};

const groupTiles = {
  square: { k: 4096, n: 4096 },
  wide: { k: 4096, n: 12288 },
  deep: { k: 11008, n: 4096 },
  vocabulary: { k: 4096, n: 32768 },
} as const satisfies { readonly [name: string]: WeightTile };

/**
 * bfloat16 x 4-bit groups -> float32; 3-bit codes are stored in the same nibbles. Shape tables of the RyzenAI-SW release 1.2
 * (a16fw4acc32f). Weights are packed in blocks of `groupSize` rows and 128 columns: codes, then a 4-bit zero
 * point and a bfloat16 scale for each group, aligned to 64 bytes.
 */
function groupKernels(groupSize: 32 | 128): KernelTable {
  const columns = 128;
  const codes = groupSize * columns;
  const groups = codes / groupSize;
  const blockBytes = Math.ceil((codes / 2 + groups / 2 + 2 * groups) / 64) * 64;
  return {
    flow: `w4-g${groupSize}`,
    rows: [1, 8, 32],
    weights: Object.values(groupTiles),
    activationElementBytes: 2,
    accumulatorElementBytes: 4,
    chooseWeights(k, n) {
      if (k > 4096) return groupTiles.deep;
      if (n > 12288) return groupTiles.vocabulary;
      if (n > 4096) return groupTiles.wide;
      return groupTiles.square;
    },
    packedBytes: ({ k, n }) => ((k * n) / codes) * blockBytes,
  };
}

export const group32Kernels = groupKernels(32);
export const group128Kernels = groupKernels(128);

/**
 * bfloat16 x bfloat16 -> float32. No shapes are published for these kernels (a16fw16facc32f); they are taken to be those of
 * the group kernels, whose activations and accumulators are the same.
 */
export const bfloat16Kernels: KernelTable = {
  ...group128Kernels,
  flow: 'bf16',
  packedBytes: ({ k, n }) => 2 * k * n,
};

const firstArrayTables = [w8a8Kernels, group32Kernels, group128Kernels];
const secondArrayTables = [w8a8Kernels, w8a16Kernels, group32Kernels, group128Kernels];

/** All tables of an NPU. */
export function kernelTables(npu: NpuName): readonly KernelTable[] {
  return npu === 'stx' ? secondArrayTables : firstArrayTables;
}

/** The table of a flow on an NPU, if that NPU has the flow. */
export function kernelTable(npu: NpuName, flow: KernelFlow): KernelTable | undefined {
  return kernelTables(npu).find((table) => table.flow === flow);
}
