import { functionDomain } from '../../models/functions.js';
import type { LinearLayer } from '../../models/linear-layers.js';
import {
  defineQuantizedMatMul,
  defineQuantizedMatMul16,
  defineTokenQuantizedMatMul,
  quantizedMatMul16Type,
  quantizedMatMulType,
  tokenQuantizedMatMulType,
} from '../../models/quantized-matmul.js';
import type { Model } from '../../onnx/model.js';
import type { Tensor } from '../../onnx/tensor.js';
import { tensorFrom } from '../../onnx/tensor.js';
import type { Int8Weight } from '../../quant/int8-weight.js';
import { dynamicQuantizeNode, integerMatMulNodes, quantizedNames } from '../../quant/names.js';
import type { QdqScheme, QLinearScheme } from '../../quant/schemes.js';
import type { QuantizedWeight } from './quantize-weight.js';
import { replaceByNBits } from './replace-by-nbits.js';
import { replaceByQdq } from './replace-by-qdq.js';
import { addNode, replaceNode } from './replace-node.js';

/**
 * Replaces a linear layer by the form of its quantized weight. `absmax` is the largest magnitude of its input, which static
 * schemes need.
 */
export function replaceLayer(model: Model, layer: LinearLayer, quantized: QuantizedWeight, absmax?: number): void {
  if (quantized.type === 'nbits') {
    replaceByNBits(model, layer, quantized.weight, quantized.scheme.accuracyLevel);
    return;
  }
  const { scheme, weight } = quantized;
  if (scheme.form === 'qlinear') toQLinear(model, layer, weight, scheme);
  else if (scheme.form === 'qoperator') toQOperator(layer, weight);
  else toQdq(layer, weight, scheme, absmax);
}

function toQLinear(model: Model, layer: LinearLayer, quantized: Int8Weight, scheme: QLinearScheme): void {
  const opType = defineProduct(model, scheme);
  const { quantized: codes, scale } = quantizedNames(layer.weight.name);
  const graph = layer.node.graph;
  const inputs = [
    layer.input,
    graph.addInitializer(codes, codesTensor(quantized)),
    graph.addInitializer(scale, scaleTensor(quantized)),
  ];
  replaceNode(layer, (output) => {
    graph.addNode({
      opType,
      domain: functionDomain,
      name: layer.name,
      inputs,
      outputs: [output],
      before: layer.node,
    });
  });
}

/** Makes sure that the model has the function of a scheme, and returns its type. */
function defineProduct(model: Model, { activations }: QLinearScheme): string {
  if (activations.granularity === 'token') {
    defineTokenQuantizedMatMul(model);
    return tokenQuantizedMatMulType;
  }
  if (activations.type === 'int16') {
    defineQuantizedMatMul16(model);
    return quantizedMatMul16Type;
  }
  defineQuantizedMatMul(model);
  return quantizedMatMulType;
}

function toQdq(layer: LinearLayer, quantized: Int8Weight, scheme: QdqScheme, absmax: number | undefined): void {
  if (absmax === undefined) throw new Error(`${layer.name} has no statistics`);
  addWeightConstants(layer, quantized);
  replaceByQdq(layer, scheme, absmax);
}

/** As `quantize_dynamic` and `quantize_static` call them. Zero points are always written. */
function addWeightConstants({ node: { graph }, weight }: LinearLayer, quantized: Int8Weight): void {
  const names = quantizedNames(weight.name);
  graph.addInitializer(names.quantized, codesTensor(quantized));
  graph.addInitializer(names.scale, scaleTensor(quantized));
  const zeroPoints = new Int8Array(quantized.scales.length);
  graph.addInitializer(names.zeroPoint, tensorFrom('int8', scaleDims(quantized), zeroPoints));
}

function toQOperator(layer: LinearLayer, quantized: Int8Weight): void {
  const { graph } = layer.node;
  addWeightConstants(layer, quantized);
  const activation = layer.input.name;
  if (graph.value(quantizedNames(activation).quantized) === undefined) addNode(layer, dynamicQuantizeNode(activation));
  replaceNode(layer, (output) => {
    for (const description of integerMatMulNodes({ name: layer.name, activation, weight: layer.weight.name, output })) {
      addNode(layer, description);
    }
  });
}

function codesTensor({ codes, rows, columns }: Int8Weight): Tensor {
  return tensorFrom('int8', [rows, columns], codes);
}

function scaleTensor(weight: Int8Weight): Tensor {
  return tensorFrom('float32', scaleDims(weight), weight.scales);
}

function scaleDims({ granularity, columns }: Int8Weight): number[] {
  return granularity === 'tensor' ? [] : [columns];
}
