import {
  encodeGroupsKernel,
  type GroupParameters,
  groupRangesKernel,
  groupScalesKernel,
  pseudoQuantizeKernel,
} from '../numerics/kernels/groups.js';
import { requireFinite } from './finite.js';
import { type GroupRanges, shrinkRanges } from './group-clip.js';
import { type Matrix, matrix } from './matrix.js';
import type { NBits, NBitsBlock, NBitsWeight } from './nbits-weight.js';
import { nbitsBlocks, nbitsColumnBytes, nbitsDefaultZeroPoint } from './nbits-weight.js';
import { groupColumnsOf, packZeroPoints } from './nbits-zero-points.js';

/** Bits of the codes of a group. Codes of 3 bits are stored in 4. */
export type GroupBits = 2 | 3 | 4 | 8;

/** How many rows of a column share a scale, or all of them. */
export type GroupSize = NBitsBlock | 'channel';

/** AMD's groups (QLinearPerGrp, and llm-awq before it). */
export interface GroupOptions {
  readonly bits: GroupBits;
  readonly group: GroupSize;
  readonly symmetric: boolean;
  /** `mse`: the range of each group is narrowed to where the squared error of its weights is least. */
  readonly clip?: 'mse';
}

/**
 * Quantizes a weight in groups along K as AMD's QLinearPerGrp does, every step in float32 and rounding half to even:
 * - asymmetric: scale = bfloat16(max(max - min, 1e-5) / (2^bits - 1)), zero point = clamp(-round(min / scale), 0, 2^bits - 1);
 * - symmetric: scale = bfloat16(max(absmax, 1e-5) / (2^(bits - 1) - 1)), zero point 2^(bits - 1);
 * - code = clamp(round(weight / scale) + zero point, 0, 2^bits - 1).
 * Scales are bfloat16 values, so that `(code - zero point) * scale` is exact in float32.
 * @throws QuernError (`input`) if the weight is not finite
 */
export function quantizeGroups(weight: Matrix, options: GroupOptions): NBitsWeight {
  requireFinite(weight);
  return encodeGroups(weight, options, findGroupParameters(weight, options));
}

/** The scales and zero points that a weight gets: float32 [groups, N]. */
export function findGroupParameters(weight: Matrix, options: GroupOptions): GroupParameters {
  const { bits, symmetric, clip } = options;
  const rows = groupRows(weight, options.group);
  const full: GroupRanges = groupRangesKernel(weight, rows);
  const ranges = clip === 'mse' ? shrinkRanges(weight, rows, full, { largestCode: 2 ** bits - 1, symmetric }) : full;
  return groupScalesKernel(ranges, 2 ** bits - 1, symmetric);
}

/** The codes of a weight for given scales and zero points, float32 [groups, N]. */
export function encodeGroups(weight: Matrix, options: GroupOptions, parameters: GroupParameters): NBitsWeight {
  const { rows, columns } = weight;
  const bits = storedBits(options.bits);
  const block = storedBlock(rows, options.group);
  const columnBytes = nbitsColumnBytes(rows, block, bits);
  const layout = { group: groupRows(weight, options.group), bits, largestCode: 2 ** options.bits - 1, columnBytes };
  const codes = encodeGroupsKernel(weight, parameters, layout);
  const { factors, zeroPoints } = options.group === 'channel' ? repeated(parameters, rows, columns, block) : parameters;
  const quantized = { rows, columns, bits, block, codes, scales: groupColumnsOf(factors, columns) };
  const isDefault = options.symmetric && 2 ** (options.bits - 1) === nbitsDefaultZeroPoint(bits);
  return isDefault ? quantized : { ...quantized, zeroPoints: packZeroPoints(zeroPoints, columns, bits) };
}

/** What is done to a weight before it is quantized. */
export interface WeightChange {
  /** Rows are multiplied by these before and divided by them after: AWQ's view of a scaled weight. */
  readonly rowFactors?: Float32Array;
  /** Values are limited to this share of the largest magnitude of their group. */
  readonly boundShare?: number;
}

/** What `quantizeGroups` makes of a weight, dequantized, in one pass over it. */
export function pseudoQuantizeGroups(weight: Matrix, options: GroupOptions): Matrix {
  const result = matrix(new Float32Array(weight.values.length), weight.rows, weight.columns);
  pseudoQuantize(weight, options, {}, 'values', result);
  return result;
}

/** A weight less what `quantizeGroups` makes of it, changed before, into `target`. */
export function groupError(weight: Matrix, options: GroupOptions, change: WeightChange, target: Matrix): void {
  pseudoQuantize(weight, options, change, 'differences', target);
}

function pseudoQuantize(
  weight: Matrix,
  { bits, group, symmetric, clip }: GroupOptions,
  { rowFactors, boundShare = 1 }: WeightChange,
  result: 'values' | 'differences',
  target: Matrix,
): void {
  if (clip !== undefined) throw new Error('ranges are not narrowed in one pass');
  const options = {
    group: groupRows(weight, group),
    largestCode: 2 ** bits - 1,
    symmetric,
    rowFactors: rowFactors ?? new Float32Array(weight.rows).fill(1),
    boundShare,
    result,
  };
  pseudoQuantizeKernel(weight, options, target.values);
}

/** Rows that share a scale. */
export function groupRows({ rows }: { readonly rows: number }, group: GroupSize): number {
  return group === 'channel' ? rows : group;
}

/** MatMulNBits has no codes of 3 bits. */
function storedBits(bits: GroupBits): NBits {
  return bits === 3 ? 4 : bits;
}

/** MatMulNBits knows no scale for a whole column: it is repeated for each of the largest blocks that do not exceed it. */
function storedBlock(rows: number, group: GroupSize): NBitsBlock {
  if (group !== 'channel') return group;
  return nbitsBlocks.findLast((block) => block <= rows) ?? 16;
}

function repeated(parameters: GroupParameters, rows: number, columns: number, block: NBitsBlock): GroupParameters {
  const blocks = Math.ceil(rows / block);
  const repeat = (values: Float32Array): Float32Array => {
    const result = new Float32Array(blocks * columns);
    for (let index = 0; index < blocks; index++) result.set(values, index * columns);
    return result;
  };
  return { factors: repeat(parameters.factors), zeroPoints: repeat(parameters.zeroPoints) };
}
