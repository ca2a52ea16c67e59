import { intAttribute } from '../onnx/attribute.js';
import type { Graph } from '../onnx/ir.js';
import type { Node } from '../onnx/node.js';
import { functionDomain } from './functions.js';
import { moduleOf } from './module-key.js';
import { quantizedMatMulActivations } from './quantized-matmul.js';
import { staticProductOf } from './static-product.js';

/** A linear layer whose weights are quantized. */
export interface QuantizedLayer {
  /** Module path, as of a float layer. */
  readonly name: string;
  readonly inputFeatures: number;
  readonly outputFeatures: number;
  /** For example `4 bits in blocks of 32` or `int8`. */
  readonly weights: string;
  readonly activations: 'float32' | 'int8' | 'uint8' | 'int16';
}

/** The quantized linear layers of a graph, in its order. */
export function findQuantizedLayers(graph: Graph): QuantizedLayer[] {
  return graph.nodes.flatMap(
    (node) => blockLayer(node) ?? integerLayer(node) ?? dynamicLayer(node) ?? staticLayer(node) ?? [],
  );
}

function blockLayer(node: Node): QuantizedLayer | undefined {
  if (node.domain !== 'com.microsoft' || node.opType !== 'MatMulNBits') return undefined;
  const size = (name: string): number => intAttribute(node.attributes, name) ?? 0;
  return {
    name: moduleOf(node),
    inputFeatures: size('K'),
    outputFeatures: size('N'),
    weights: `${intAttribute(node.attributes, 'bits') ?? 4} bits in blocks of ${size('block_size')}`,
    activations: 'float32',
  };
}

function integerLayer(node: Node): QuantizedLayer | undefined {
  const activations = node.domain === functionDomain ? quantizedMatMulActivations.get(node.opType) : undefined;
  if (activations === undefined) return undefined;
  const [inputFeatures = 0, outputFeatures = 0] = node.inputs[1]?.initializer?.dims ?? [];
  return { name: moduleOf(node), inputFeatures, outputFeatures, weights: 'int8', activations: activations.type };
}

/** MatMulInteger of what DynamicQuantizeLinear makes of the activations. */
function dynamicLayer(node: Node): QuantizedLayer | undefined {
  const [activations, codes] = node.inputs;
  if (node.domain !== '' || node.opType !== 'MatMulInteger') return undefined;
  const [inputFeatures, outputFeatures] = codes?.initializer?.dims ?? [];
  if (activations?.producer?.opType !== 'DynamicQuantizeLinear' || inputFeatures === undefined) return undefined;
  if (outputFeatures === undefined) return undefined;
  return { name: moduleOf(node), inputFeatures, outputFeatures, weights: 'int8', activations: 'uint8' };
}

function staticLayer(node: Node): QuantizedLayer | undefined {
  const product = staticProductOf(node);
  if (product === undefined) return undefined;
  const [inputFeatures = 0, outputFeatures = 0] = product.codes.initializer?.dims ?? [];
  return { name: moduleOf(node), inputFeatures, outputFeatures, weights: 'int8', activations: product.activationType };
}
