/** How activations are quantized when calibration has said how large they become. */
export interface StaticQuantization {
  readonly scale: number;
  readonly zeroPoint: number;
}

/** The smallest normal float32. ONNX Runtime replaces smaller scales by 1, which makes every code 0. */
const smallestScale = 2 ** -126;

/**
 * Scale and zero point of activations from the largest magnitude that calibration saw, bit for bit as `compute_scale_zp` of
 * ONNX Runtime's quant_utils.py with `symmetric`: int8 codes from -127 to 127, uint8 codes from 0 to 255 around 128.
 */
export function staticQuantization(absmax: number, type: 'int8' | 'uint8'): StaticQuantization {
  const scale = (2 * absmax) / (type === 'int8' ? 254 : 255);
  if (scale < smallestScale) return { scale: 1, zeroPoint: 0 };
  return { scale: Math.fround(scale), zeroPoint: type === 'int8' ? 0 : 128 };
}
