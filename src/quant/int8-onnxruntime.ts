import { encodeInt8Kernel } from '../numerics/kernels/int8.js';
import { absmax, columnAbsmax } from './absmax.js';
import { requireFinite } from './finite.js';
import type { Int8Granularity, Int8Weight } from './int8-weight.js';
import type { Matrix } from './matrix.js';

/** The smallest normal float32. ONNX Runtime replaces smaller scales by 1, which makes every code 0. */
const smallestScale = 2 ** -126;

/**
 * Quantizes a weight bit for bit as ONNX Runtime's `quantize_dynamic` with `weight_type=QInt8` does (quant_utils.py:
 * `compute_scale_zp`, `quantize_nparray`): symmetric, scale = absmax / 127, code = round half even(weight / scale) with
 * the quotient in float32. Codes stay within -127..127. Granularity `channel` is `per_channel=True`.
 * @throws QuernError (`input`) if the weight is not finite
 */
export function quantizeInt8OnnxRuntime(weight: Matrix, granularity: Int8Granularity): Int8Weight {
  const { values, rows, columns } = weight;
  const largest = granularity === 'tensor' ? Float32Array.of(absmax(values)) : columnAbsmax(weight);
  requireFinite(weight, absmax(largest));
  const scales = largest.map(onnxRuntimeScale);
  return { codes: encodeInt8Kernel(weight, scales, 'divide'), rows, columns, granularity, scales };
}

function onnxRuntimeScale(largest: number): number {
  const scale = largest / 127;
  return scale < smallestScale ? 1 : scale;
}
