import { roundHalfToEven } from '../../../src/numerics/rounding.js';
import { requireFinite } from '../../../src/quant/finite.js';
import type { Int8Granularity, Int8Weight } from '../../../src/quant/int8-weight.js';
import type { Matrix } from '../../../src/quant/matrix.js';
import { absmax, columnAbsmax } from './absmax.js';

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
  requireFinite(weight);
  const { values, rows, columns } = weight;
  const scales = (granularity === 'tensor' ? Float32Array.of(absmax(values)) : columnAbsmax(weight)).map(torchScale);
  const reciprocals = scales.map((scale) => 1 / scale);
  const codes = new Int8Array(values.length);
  if (granularity === 'tensor') encode(values, reciprocals[0]!, codes);
  else encodeColumns(values, columns, reciprocals, codes);
  return { codes, rows, columns, granularity, scales };
}

function torchScale(largest: number): number {
  return Math.max(Math.fround(largest / 127.5), smallestScale);
}

function encode(values: Float32Array, reciprocal: number, codes: Int8Array): void {
  for (let index = 0; index < values.length; index++) {
    codes[index] = nearestCode(values[index]! * reciprocal);
  }
}

function encodeColumns(values: Float32Array, columns: number, reciprocals: Float32Array, codes: Int8Array): void {
  for (let start = 0; start < values.length; start += columns) {
    for (let column = 0; column < columns; column++) {
      codes[start + column] = nearestCode(values[start + column]! * reciprocals[column]!);
    }
  }
}

/** The product is rounded to float32 first, as PyTorch's is: it decides which values are ties. */
function nearestCode(product: number): number {
  return Math.max(-128, Math.min(127, roundHalfToEven(Math.fround(product))));
}
