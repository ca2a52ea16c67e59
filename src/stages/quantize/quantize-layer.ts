import { unreachable } from '../../errors.js';
import { functionDomain } from '../../models/functions.js';
import type { LinearLayer } from '../../models/linear-layers.js';
import {
  defineQuantizedMatMul,
  defineQuantizedMatMul16,
  quantizedMatMul16Type,
  quantizedMatMulType,
} from '../../models/quantized-matmul.js';
import { int } from '../../onnx/attribute.js';
import type { Model } from '../../onnx/model.js';
import type { Node, Value } from '../../onnx/node.js';
import type { Tensor } from '../../onnx/tensor.js';
import { tensorFrom } from '../../onnx/tensor.js';
import { dequantizeInt8, dequantizeNBits } from '../../quant/dequantize.js';
import { quantizeInt8OnnxRuntime } from '../../quant/int8-onnxruntime.js';
import { quantizeInt8Torch } from '../../quant/int8-torch.js';
import type { Int8Weight } from '../../quant/int8-weight.js';
import type { Matrix } from '../../quant/matrix.js';
import type { NodeDescription } from '../../quant/names.js';
import {
  dynamicQuantizeNode,
  integerMatMulNodes,
  nbitsMatMulNode,
  nbitsNames,
  quantizedNames,
} from '../../quant/names.js';
import { quantizeNBits } from '../../quant/nbits.js';
import type { NBitsScheme, QLinearScheme, QOperatorScheme, Scheme } from '../../quant/schemes.js';

/** Key of the metadata by which a node says which module it computes, when its name has to be another one. */
export const moduleKey = 'quern.module';

/**
 * Replaces a linear layer by its quantized form and returns the weights it computes with now, for the accounting.
 * `weight` is the layer's weight, [input features, output features].
 */
export function quantizeLayer(model: Model, layer: LinearLayer, weight: Matrix, scheme: Scheme): Matrix {
  switch (scheme.form) {
    case 'qlinear':
      return toQLinear(model, layer, weight, scheme);
    case 'qoperator':
      return toQOperator(model, layer, weight, scheme);
    case 'nbits':
      return toNBits(model, layer, weight, scheme);
    default:
      return unreachable(scheme);
  }
}

function toQLinear(model: Model, layer: LinearLayer, weight: Matrix, scheme: QLinearScheme): Matrix {
  const isWide = scheme.activations.type === 'int16';
  if (isWide) defineQuantizedMatMul16(model);
  else defineQuantizedMatMul(model);
  const quantized = quantizeInt8Torch(weight, scheme.weights.granularity);
  const { quantized: codes, scale } = quantizedNames(layer.weight.name);
  const graph = layer.node.graph;
  const inputs = [
    layer.input,
    graph.addInitializer(codes, codesTensor(quantized)),
    graph.addInitializer(scale, scaleTensor(quantized)),
  ];
  replaceNode(layer, (output) => {
    graph.addNode({
      opType: isWide ? quantizedMatMul16Type : quantizedMatMulType,
      domain: functionDomain,
      name: layer.name,
      inputs,
      outputs: [output],
      before: layer.node,
    });
  });
  return dequantizeInt8(quantized);
}

function toQOperator(_model: Model, layer: LinearLayer, weight: Matrix, scheme: QOperatorScheme): Matrix {
  const quantized = quantizeInt8OnnxRuntime(weight, scheme.weights.granularity);
  const names = quantizedNames(layer.weight.name);
  const { graph } = layer.node;
  graph.addInitializer(names.quantized, codesTensor(quantized));
  graph.addInitializer(names.scale, scaleTensor(quantized));
  const zeroPoints = new Int8Array(quantized.scales.length);
  graph.addInitializer(names.zeroPoint, tensorFrom('int8', scaleDims(quantized), zeroPoints));
  const activation = layer.input.name;
  if (graph.value(quantizedNames(activation).quantized) === undefined) addNode(layer, dynamicQuantizeNode(activation));
  replaceNode(layer, (output) => {
    for (const description of integerMatMulNodes({ name: layer.name, activation, weight: layer.weight.name, output })) {
      addNode(layer, description);
    }
  });
  return dequantizeInt8(quantized);
}

function toNBits(model: Model, layer: LinearLayer, weight: Matrix, scheme: NBitsScheme): Matrix {
  const { group: block, symmetric } = scheme.weights;
  const quantized = quantizeNBits(weight, { block, symmetric });
  const names = nbitsNames(layer.weight.name);
  const { graph } = layer.node;
  const blocks = Math.ceil(quantized.rows / block);
  graph.addInitializer(names.codes, tensorFrom('uint8', [quantized.columns, blocks, block / 2], quantized.codes));
  graph.addInitializer(names.scales, tensorFrom('float32', [quantized.columns * blocks], quantized.scales));
  if (quantized.zeroPoints !== undefined) {
    graph.addInitializer(names.zeroPoints, tensorFrom('uint8', [quantized.zeroPoints.length], quantized.zeroPoints));
  }
  const matMul = { name: layer.name, activation: layer.input.name, weight: layer.weight.name };
  const attributes = {
    rows: quantized.rows,
    columns: quantized.columns,
    block,
    symmetric,
    accuracyLevel: scheme.accuracyLevel,
  };
  replaceNode(layer, (output) => addNode(layer, nbitsMatMulNode({ ...matMul, output }, attributes)));
  model.opsets.set('com.microsoft', 1);
  return dequantizeNBits(quantized);
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

/** Adds a described node in front of the layer's, and notes the module it belongs to. */
function addNode(layer: LinearLayer, { opType, domain, name, inputs, outputs, attributes }: NodeDescription): Node {
  const { graph } = layer.node;
  const node = graph.addNode({
    opType,
    domain,
    name,
    inputs: inputs.map((input) => requireValue(layer, input)),
    outputs,
    attributes: Object.fromEntries(Object.entries(attributes).map(([key, value]) => [key, int(value)])),
    before: layer.node,
  });
  if (opType.startsWith('MatMul')) node.metadata.set(moduleKey, layer.name);
  return node;
}

function requireValue(layer: LinearLayer, name: string): Value {
  const value = layer.node.graph.value(name);
  if (value === undefined)
    throw new Error(`${layer.name} is replaced by nodes that read ${name}, which does not exist`);
  return value;
}

/** Adds nodes that compute `output`, then lets that take the place of the layer's output, with its name. */
function replaceNode(layer: LinearLayer, addNodes: (output: string) => void): void {
  const { node } = layer;
  const { graph } = node;
  const original = node.output;
  const { name, type } = original;
  const temporary = graph.uniqueName(`${name}/quantized`);
  addNodes(temporary);
  const replacement = graph.value(temporary);
  if (replacement === undefined) throw new Error(`nothing computes the output of ${layer.name}`);
  replacement.type = type;
  graph.replaceAllUses(original, replacement);
  graph.removeNode(node);
  graph.rename(replacement, name);
}
