import { intAttribute } from '../../onnx/attribute.js';
import type { Graph } from '../../onnx/ir.js';

/** What transformers.js calls a data type of a model, and what it adds to the name of the model's file. */
export interface TransformersDtype {
  readonly dtype: 'fp32' | 'int8' | 'q8' | 'q4' | 'q2';
  readonly suffix: string;
}

/**
 * The name for the smallest weights that the products of a graph have: groups of 2 or 4 bits, 8-bit codes (`int8` where
 * activations are 8-bit, too), or none.
 */
export function transformersDtype(graph: Graph): TransformersDtype {
  const bits = Math.min(
    ...graph.nodes.flatMap(({ opType, attributes, inputs }): number[] => {
      if (opType === 'MatMulNBits' || opType === 'GatherBlockQuantized') return [intAttribute(attributes, 'bits') ?? 4];
      if (opType !== 'DequantizeLinear') return [];
      return [inputs[0]?.initializer?.dataType.endsWith('int4') ? 4 : 8];
    }),
  );
  if (bits === 2) return { dtype: 'q2', suffix: '_q2' };
  if (bits === 4) return { dtype: 'q4', suffix: '_q4' };
  const hasIntegers = graph.nodes.some(({ opType }) => /^(MatMulInteger|DynamicQuantizedMatMul)/.test(opType));
  if (hasIntegers) return { dtype: 'int8', suffix: '_int8' };
  return bits === 8 ? { dtype: 'q8', suffix: '_quantized' } : { dtype: 'fp32', suffix: '' };
}
