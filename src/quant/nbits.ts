import { quantizeGroupsKernel } from '../numerics/kernels/groups.js';
import { requireFinite } from './finite.js';
import type { Matrix } from './matrix.js';
import type { NBits, NBitsBlock, NBitsWeight } from './nbits-weight.js';
import { nbitsColumnBytes, nbitsDefaultZeroPoint, nbitsLargestCode } from './nbits-weight.js';
import { groupColumnsOf, packZeroPoints } from './nbits-zero-points.js';

export interface NBitsOptions {
  readonly block: NBitsBlock;
  readonly symmetric: boolean;
  /** 4 unless given. */
  readonly bits?: NBits;
}

/**
 * Quantizes a weight, byte for byte as the default algorithm of ONNX Runtime's MatMulNBitsQuantizer does
 * (mlas/lib/q4_dq.cpp, on x86), with 4 bits also where K is not a multiple of the block. For 4 bits:
 * - symmetric: scale = -(value of the largest magnitude) / 8, so that this value becomes code 0 and nothing is clipped
 *   but what lies close to its opposite; zero point 8;
 * - asymmetric: scale = (max - min) / 15 over a range that includes 0, zero point = round(-min / scale);
 * - code = clamp(round half away from zero(weight * (1 / scale) + zero point), 0, 15), every step in float32.
 * @throws QuernError (`input`) if the weight is not finite
 */
export function quantizeNBits(weight: Matrix, { block, symmetric, bits = 4 }: NBitsOptions): NBitsWeight {
  const { rows, columns } = weight;
  const columnBytes = nbitsColumnBytes(rows, block, bits);
  const layout = { group: block, bits, largestCode: nbitsLargestCode(bits), columnBytes };
  const { codes, scales, zeroPoints, largest } = quantizeGroupsKernel(weight, layout, 'multiply-half-up', (ranges) => {
    const found = symmetric ? symmetricScales(ranges, bits) : asymmetricScales(ranges, bits);
    return { ...found, factors: found.scales.map(reciprocal) };
  });
  requireFinite(weight, largest);
  if (bits === 4 && rows % 2 === 1) fillLastHalfByte(codes, rows, block, columnBytes);
  const quantized = { rows, columns, bits, block, codes, scales: groupColumnsOf(scales, columns) };
  return symmetric ? quantized : { ...quantized, zeroPoints: packZeroPoints(zeroPoints, columns, bits) };
}

interface Ranges {
  readonly minima: Float32Array;
  readonly maxima: Float32Array;
}

interface Scales {
  readonly scales: Float32Array;
  readonly zeroPoints: Float32Array;
}

function symmetricScales({ minima, maxima }: Ranges, bits: NBits): Scales {
  const middle = nbitsDefaultZeroPoint(bits);
  const scales = minima.map((minimum, index) => {
    const maximum = maxima[index]!;
    return -(Math.abs(maximum) > Math.abs(minimum) ? maximum : minimum) / middle;
  });
  return { scales, zeroPoints: new Float32Array(scales.length).fill(middle) };
}

function asymmetricScales({ minima, maxima }: Ranges, bits: NBits): Scales {
  const largestCode = nbitsLargestCode(bits);
  const scales = new Float32Array(minima.length);
  const zeroPoints = minima.map((lowest, index) => {
    const minimum = Math.min(lowest, 0);
    const scale = Math.fround(Math.fround(Math.max(maxima[index]!, 0) - minimum) / largestCode);
    scales[index] = scale;
    return scale === 0 ? 0 : Math.floor(Math.min(Math.max(Math.fround(-minimum / scale), 0), largestCode) + 0.5);
  });
  return { scales, zeroPoints };
}

/** As a float32 infinite for the smallest subnormal scales, as ONNX Runtime's is. */
function reciprocal(scale: number): number {
  return scale === 0 ? 0 : 1 / scale;
}

/**
 * With an odd K the last byte of a column has a half that belongs to no row. ONNX Runtime works on two blocks at a time
 * and leaves the previous odd row's code there, or 0 if these two blocks have none yet.
 */
function fillLastHalfByte(codes: Uint8Array, rows: number, block: NBitsBlock, columnBytes: number): void {
  const lastRow = rows - 1;
  if (lastRow % (2 * block) === 0) return;
  for (let byte = lastRow >> 1; byte < codes.length; byte += columnBytes) {
    codes[byte] = codes[byte]! | (codes[byte - 1]! & 0xf0);
  }
}
