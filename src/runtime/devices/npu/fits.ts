import type { NpuName } from '../names.js';
import type { KernelFlow } from './kernels.js';

/** A time that grows with bytes: `overheadUs + bytes / bytesPerUs`. 1000 bytes a microsecond are 1 GB/s. */
export interface Line {
  readonly overheadUs: number;
  readonly bytesPerUs: number;
}

export function evaluate(line: Line, bytes: number): number {
  return line.overheadUs + bytes / line.bytesPerUs;
}

/** The two generations of the array: Phoenix and Hawk Point share one. */
export type NpuArray = 'xdna' | 'xdna2';

export function arrayOf(npu: NpuName): NpuArray {
  return npu === 'stx' ? 'xdna2' : 'xdna';
}

/** What the host does around a dispatch: activations (A) by their bytes, accumulators (C) by theirs. */
export interface HostLines {
  readonly aCopy: Line;
  readonly aSync: Line;
  readonly cCopy: Line;
  readonly cSync: Line;
  readonly accumulate: Line;
}

/**
 * Least squares (of the relative error) over the single-dispatch rows of `measurements.ts`. Accumulation comes from the
 * rows 8x24576x6144, where the host adds 131,072 bytes four times in 102.3 us (Hawk Point) and 130.2 us (Strix).
 */
export const hostLines: { readonly [array in NpuArray]: HostLines } = {
  xdna: {
    aCopy: { overheadUs: 1.39, bytesPerUs: 11_950 },
    aSync: { overheadUs: 10.5, bytesPerUs: 26_900 },
    cCopy: { overheadUs: 0.46, bytesPerUs: 23_900 },
    cSync: { overheadUs: 13.6, bytesPerUs: 32_400 },
    accumulate: { overheadUs: 0, bytesPerUs: 5_125 },
  },
  xdna2: {
    aCopy: { overheadUs: 0.3, bytesPerUs: 9_350 },
    aSync: { overheadUs: 0, bytesPerUs: 16_060 },
    cCopy: { overheadUs: 0, bytesPerUs: 19_750 },
    cSync: { overheadUs: 0, bytesPerUs: 35_270 },
    accumulate: { overheadUs: 0, bytesPerUs: 4_027 },
  },
};

/** Lines by the rows of the kernel. */
type LinesByRows = { readonly [rows: number]: Line };

/**
 * Derived, not measured per kernel. OPT-1.3b (ONNX, w8a8, 1325 MB of padded weights) published: the first kernels need
 * 179.3 ms for a prompt of 8 tokens and 151.2 ms more for a second pass of 8 rows, so all other work takes 28.1 ms. The
 * kernels of these tables (151 dispatches) need 98 ms for a token and 107.0 and 109.5 ms for prompts of 8 and 9, which
 * leaves 69.9, 78.9 and 81.4 ms for passes of 1, 8 and 16 rows. With the bandwidth of the group kernels for one row and the
 * host work of `hostLines`, the overheads follow. A pass of 32 rows takes 122 ms: the growth of PyTorch prompts from 32 to
 * 128 tokens, less what the same prompts grow by with the first kernels beyond their 161 ms a pass. No time is published for
 * 64 rows; they are taken to read the weights twice as often as 32.
 */
const xdnaInt8: LinesByRows = {
  1: { overheadUs: 99, bytesPerUs: 26_100 },
  8: { overheadUs: 150, bytesPerUs: 26_100 },
  16: { overheadUs: 156, bytesPerUs: 26_100 },
  32: { overheadUs: 156, bytesPerUs: 15_040 },
  64: { overheadUs: 156, bytesPerUs: 7_520 },
};

/** Least squares over the single-dispatch rows of `measurements.ts`; the largest error is 3% (group 128) and 9% (group 32). */
const xdnaGroup128: LinesByRows = {
  1: { overheadUs: 366, bytesPerUs: 26_100 },
  8: { overheadUs: 381, bytesPerUs: 15_020 },
  32: { overheadUs: 632, bytesPerUs: 3_716 },
};
const xdnaGroup32: LinesByRows = {
  1: { overheadUs: 199, bytesPerUs: 14_970 },
  8: { overheadUs: 356, bytesPerUs: 14_850 },
  32: { overheadUs: 954, bytesPerUs: 3_945 },
};

/** As for the first array; the largest error is 8%. */
const xdna2Group128: LinesByRows = {
  1: { overheadUs: 104, bytesPerUs: 45_640 },
  8: { overheadUs: 125, bytesPerUs: 35_660 },
  32: { overheadUs: 108, bytesPerUs: 8_826 },
};

/**
 * Derived: group 32 was not measured on this array. On the first one it streams as fast as group 128 does for 8 and 32
 * rows, and for one row no faster than for 8.
 */
const xdna2Group32: LinesByRows = {
  1: { overheadUs: 104, bytesPerUs: 35_660 },
  8: { overheadUs: 125, bytesPerUs: 35_660 },
  32: { overheadUs: 108, bytesPerUs: 8_826 },
};

/** How much faster Strix streams weights to one row of activations: 45.64 / 26.10 GB/s in the group kernels. */
const xdna2SpeedUp = 1.749;

function faster(lines: LinesByRows, factor: number): LinesByRows {
  const scaled = Object.entries(lines).map(([rows, { overheadUs, bytesPerUs }]) => [
    rows,
    { overheadUs: overheadUs / factor, bytesPerUs: bytesPerUs * factor },
  ]);
  return Object.fromEntries(scaled);
}

/** Derived: no integer times are published for Strix, neither for int8 nor for int16 activations. */
const xdna2Int8 = faster(xdnaInt8, xdna2SpeedUp);

/**
 * Derived: no times are published for bfloat16 weights. They are taken to stream as those of group 128, which have four
 * bits instead of sixteen.
 */
const xdnaBfloat16 = xdnaGroup128;
const xdna2Bfloat16 = xdna2Group128;

const runLines: { readonly [array in NpuArray]: { readonly [flow in KernelFlow]?: LinesByRows } } = {
  xdna: { w8a8: xdnaInt8, 'w4-g32': xdnaGroup32, 'w4-g128': xdnaGroup128, bf16: xdnaBfloat16 },
  xdna2: { w8a8: xdna2Int8, w8a16: xdna2Int8, 'w4-g32': xdna2Group32, 'w4-g128': xdna2Group128, bf16: xdna2Bfloat16 },
};

/** Run time of one dispatch by the packed bytes of its weights, for kernels that were not measured. */
export function runLine(array: NpuArray, flow: KernelFlow, rows: number): Line {
  const line = runLines[array][flow]?.[rows];
  if (line === undefined) throw new Error(`no time model for ${flow} with ${rows} rows on ${array}`);
  return line;
}

/** Whether the lines of a flow were fitted to measurements of the same NPU. */
export function isFitted(npu: NpuName, flow: KernelFlow): boolean {
  if (npu === 'hpt') return flow === 'w4-g32' || flow === 'w4-g128';
  return npu === 'stx' && flow === 'w4-g128';
}
