import { unreachable } from '../../errors.js';
import { quantizeGroups } from '../../quant/groups.js';
import { quantizeInt8OnnxRuntime } from '../../quant/int8-onnxruntime.js';
import { quantizeInt8Torch } from '../../quant/int8-torch.js';
import type { Int8Weight } from '../../quant/int8-weight.js';
import { quantizeKQuantWithError } from '../../quant/k-quant.js';
import type { Matrix } from '../../quant/matrix.js';
import { quantizeNBitsWithError } from '../../quant/nbits.js';
import type { NBitsWeight } from '../../quant/nbits-weight.js';
import { int8Error, nbitsError } from '../../quant/quantization-error.js';
import type { NBitsScheme, QdqScheme, QLinearScheme, QOperatorScheme, Scheme } from '../../quant/schemes.js';
import type { WeightError } from '../../quant/weight-error.js';

type Int8Scheme = QLinearScheme | QOperatorScheme | QdqScheme;

/** Codes of a weight in the form of its scheme, and how far they are from it. */
export type QuantizedWeight = { readonly error: WeightError } & (
  | { readonly type: 'int8'; readonly scheme: Int8Scheme; readonly weight: Int8Weight }
  | { readonly type: 'nbits'; readonly scheme: NBitsScheme; readonly weight: NBitsWeight }
);

/** Quantizes a weight, [input features, output features]. */
export function quantizeWeight(weight: Matrix, scheme: Scheme): QuantizedWeight {
  switch (scheme.form) {
    case 'qlinear':
      return toInt8(weight, scheme, quantizeInt8Torch(weight, scheme.weights.granularity));
    case 'qoperator':
    case 'qdq':
      return toInt8(weight, scheme, quantizeInt8OnnxRuntime(weight, scheme.weights.granularity));
    case 'nbits':
      return { type: 'nbits', scheme, ...quantizeNBitsWeight(weight, scheme.weights) };
    default:
      return unreachable(scheme);
  }
}

function toInt8(weight: Matrix, scheme: Int8Scheme, quantized: Int8Weight): QuantizedWeight {
  return { type: 'int8', scheme, weight: quantized, error: int8Error(weight, quantized) };
}

/** The weight in the form of MatMulNBits, and how far it is from the original. */
export function quantizeNBitsWeight(
  weight: Matrix,
  weights: NBitsScheme['weights'],
): { readonly weight: NBitsWeight; readonly error: WeightError } {
  switch (weights.scale) {
    case 'onnxruntime': {
      const options = { block: weights.group, symmetric: weights.symmetric, bits: bitsOf(weights.type) };
      const { quantized, error } = quantizeNBitsWithError(weight, options);
      return { weight: quantized, error };
    }
    case 'k-quant': {
      const { quantized, error } = quantizeKQuantWithError(weight, {
        block: weights.group,
        bits: bitsOf(weights.type),
      });
      return { weight: quantized, error };
    }
    case 'amd': {
      const { type, symmetric, clip } = weights;
      const group = weights.granularity === 'channel' ? 'channel' : weights.group;
      return withError(weight, quantizeGroups(weight, { bits: bitsOf(type), group, symmetric, ...(clip && { clip }) }));
    }
    default:
      return unreachable(weights);
  }
}

function withError(
  weight: Matrix,
  quantized: NBitsWeight,
): { readonly weight: NBitsWeight; readonly error: WeightError } {
  return { weight: quantized, error: nbitsError(weight, quantized) };
}

const bitsOfTypes = { int2: 2, int3: 3, int4: 4, int8: 8 } as const;

function bitsOf<Type extends keyof typeof bitsOfTypes>(type: Type): (typeof bitsOfTypes)[Type] {
  return bitsOfTypes[type];
}
