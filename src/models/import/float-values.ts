import { float16ToFloat32 } from '../../numerics/half.js';
import type { TensorData } from '../../ort/tensor-data.js';

/** What a tensor in single or half precision holds; `undefined` for one of another type. */
export function floatValues(tensor: TensorData | undefined): Float32Array | undefined {
  if (tensor?.data instanceof Float32Array) return tensor.data;
  const isHalf = tensor?.dataType === 'float16' && tensor.data instanceof Uint16Array;
  return isHalf ? Float32Array.from(tensor.data, float16ToFloat32) : undefined;
}
