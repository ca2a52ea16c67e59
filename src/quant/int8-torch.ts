import { encodeInt8Kernel } from '../numerics/kernels/int8.js';
import { absmax, columnAbsmax } from './absmax.js';
import { requireFinite } from './finite.js';
import type { Int8Granularity, Int8Weight } from './int8-weight.js';
import type { Matrix } from './matrix.js';

/** float32's machine epsilon: PyTorch's observers give no smaller scale. */
const smallestScale = 2 ** -23;

/**
 * Quantizes a weight as PyTorch's dynamic quantization does, and AMD's QLinear after it: symmetric qint8,
 * scale = absmax / 127.5 but at least float32's epsilon, code = clamp(round half even(weight * (1 / scale)), -128, 127),
 * everything in float32. Bit for bit what `MinMaxObserver` with `quantize_per_tensor`, and `PerChannelMinMaxObserver`
 * with `quantize_per_channel`, give.
 * @throws QuernError (`input`) if the weight is not finite
 */
export function quantizeInt8Torch(weight: Matrix, granularity: Int8Granularity): Int8Weight {
  const { values, rows, columns } = weight;
  const largest = granularity === 'tensor' ? Float32Array.of(absmax(values)) : columnAbsmax(weight);
  requireFinite(weight, absmax(largest));
  const scales = largest.map(torchScale);
  const reciprocals = scales.map((scale) => 1 / scale);
  return { codes: encodeInt8Kernel(weight, reciprocals, 'multiply'), rows, columns, granularity, scales };
}

function torchScale(largest: number): number {
  return Math.max(Math.fround(largest / 127.5), smallestScale);
}
