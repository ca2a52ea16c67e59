import type { LinearLayer } from '../../models/linear-layers.js';
import { MemoryTensor, tensorFrom } from '../../onnx/tensor.js';
import { dequantizeWeightNode, matMulNode, quantizedNames, quantizePairNodes } from '../../quant/names.js';
import type { QdqScheme } from '../../quant/schemes.js';
import { staticQuantization } from '../../quant/static-activations.js';
import { addNode, replaceNode } from './replace-node.js';

/**
 * Replaces a linear layer by a MatMul of what DequantizeLinear makes of its weight and of its activations. `weight` names
 * the constants of the quantized weight; `absmax` is the largest magnitude of the input of the layer.
 */
export function replaceByQdq(layer: LinearLayer, { weights, activations }: QdqScheme, absmax: number): void {
  const activation = quantizedActivations(layer, activations.type, absmax);
  const dequantized = dequantizeWeightNode(layer.weight.name, weights.granularity);
  addNode(layer, dequantized);
  const [weight = ''] = dequantized.outputs;
  replaceNode(layer, (output) => addNode(layer, matMulNode({ name: layer.name, activation, weight, output })));
}

/** The input of the layer behind a pair of QuantizeLinear and DequantizeLinear, which all layers that read it share. */
function quantizedActivations(layer: LinearLayer, type: 'int8' | 'uint8', absmax: number): string {
  const { graph } = layer.node;
  // The type is part of the names: layers may want codes of different types, or dynamic ones, of the same value.
  const name = `${layer.input.name}_${type}`;
  const [quantize, dequantize] = quantizePairNodes(layer.input.name, name);
  const [result = ''] = dequantize.outputs;
  if (graph.value(result) !== undefined) return result;
  const { scale, zeroPoint } = staticQuantization(absmax, type);
  const names = quantizedNames(name);
  graph.addInitializer(names.scale, tensorFrom('float32', [], Float32Array.of(scale)));
  graph.addInitializer(names.zeroPoint, new MemoryTensor(type, [], Uint8Array.of(zeroPoint)));
  addNode(layer, quantize);
  addNode(layer, dequantize);
  return result;
}
