import { roundHalfToEven } from '../../../src/numerics/rounding.js';
import { requireFinite } from '../../../src/quant/finite.js';
import type { Int8Granularity, Int8Weight } from '../../../src/quant/int8-weight.js';
import type { Matrix } from '../../../src/quant/matrix.js';
import { absmax, columnAbsmax } from './absmax.js';

/** The smallest normal float32. ONNX Runtime replaces smaller scales by 1, which makes every code 0. */
const smallestScale = 2 ** -126;

/**
 * Quantizes a weight bit for bit as ONNX Runtime's `quantize_dynamic` with `weight_type=QInt8` does (quant_utils.py:
 * `compute_scale_zp`, `quantize_nparray`): symmetric, scale = absmax / 127, code = round half even(weight / scale) with
 * the quotient in float32. Codes stay within -127..127. Granularity `channel` is `per_channel=True`.
 * @throws QuernError (`input`) if the weight is not finite
 */
export function quantizeInt8OnnxRuntime(weight: Matrix, granularity: Int8Granularity): Int8Weight {
  requireFinite(weight);
  const { values, rows, columns } = weight;
  const largest = granularity === 'tensor' ? Float32Array.of(absmax(values)) : columnAbsmax(weight);
  const scales = largest.map(onnxRuntimeScale);
  const codes = new Int8Array(values.length);
  if (granularity === 'tensor') encode(values, scales[0]!, codes);
  else encodeColumns(values, columns, scales, codes);
  return { codes, rows, columns, granularity, scales };
}

function onnxRuntimeScale(largest: number): number {
  const scale = largest / 127;
  return scale < smallestScale ? 1 : scale;
}

function encode(values: Float32Array, scale: number, codes: Int8Array): void {
  for (let index = 0; index < values.length; index++) {
    codes[index] = roundHalfToEven(Math.fround(values[index]! / scale));
  }
}

function encodeColumns(values: Float32Array, columns: number, scales: Float32Array, codes: Int8Array): void {
  for (let start = 0; start < values.length; start += columns) {
    for (let column = 0; column < columns; column++) {
      codes[start + column] = roundHalfToEven(Math.fround(values[start + column]! / scales[column]!));
    }
  }
}
