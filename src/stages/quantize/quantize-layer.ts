import { unreachable } from '../../errors.js';
import { functionDomain } from '../../models/functions.js';
import type { LinearLayer } from '../../models/linear-layers.js';
import {
  defineQuantizedMatMul,
  defineQuantizedMatMul16,
  quantizedMatMul16Type,
  quantizedMatMulType,
} from '../../models/quantized-matmul.js';
import type { Model } from '../../onnx/model.js';
import type { Tensor } from '../../onnx/tensor.js';
import { tensorFrom } from '../../onnx/tensor.js';
import { quantizeGroups } from '../../quant/groups.js';
import { quantizeInt8OnnxRuntime } from '../../quant/int8-onnxruntime.js';
import { quantizeInt8Torch } from '../../quant/int8-torch.js';
import type { Int8Weight } from '../../quant/int8-weight.js';
import { quantizeKQuant } from '../../quant/k-quant.js';
import type { Matrix } from '../../quant/matrix.js';
import { dynamicQuantizeNode, integerMatMulNodes, quantizedNames } from '../../quant/names.js';
import { quantizeNBits } from '../../quant/nbits.js';
import type { NBitsWeight } from '../../quant/nbits-weight.js';
import { int8Error, nbitsError } from '../../quant/quantization-error.js';
import type { NBitsScheme, QLinearScheme, QOperatorScheme, Scheme } from '../../quant/schemes.js';
import type { WeightError } from '../../quant/weight-error.js';
import { replaceByNBits } from './replace-by-nbits.js';
import { addNode, replaceNode } from './replace-node.js';

/**
 * Replaces a linear layer by its quantized form and returns how far that is from the weight, for the accounting.
 * `weight` is the layer's weight, [input features, output features].
 */
export function quantizeLayer(model: Model, layer: LinearLayer, weight: Matrix, scheme: Scheme): WeightError {
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

function toQLinear(model: Model, layer: LinearLayer, weight: Matrix, scheme: QLinearScheme): WeightError {
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
  return int8Error(weight, quantized);
}

function toQOperator(_model: Model, layer: LinearLayer, weight: Matrix, scheme: QOperatorScheme): WeightError {
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
  return int8Error(weight, quantized);
}

function toNBits(model: Model, layer: LinearLayer, weight: Matrix, scheme: NBitsScheme): WeightError {
  const quantized = quantizeNBitsWeight(weight, scheme.weights);
  replaceByNBits(model, layer, quantized, scheme.accuracyLevel);
  return nbitsError(weight, quantized);
}

/** The weight in the form of MatMulNBits. */
export function quantizeNBitsWeight(weight: Matrix, weights: NBitsScheme['weights']): NBitsWeight {
  switch (weights.scale) {
    case 'onnxruntime':
      return quantizeNBits(weight, {
        block: weights.group,
        symmetric: weights.symmetric,
        bits: bitsOf(weights.type),
      });
    case 'k-quant':
      return quantizeKQuant(weight, { block: weights.group, bits: bitsOf(weights.type) });
    case 'amd': {
      const { type, symmetric, clip } = weights;
      const group = weights.granularity === 'channel' ? 'channel' : weights.group;
      return quantizeGroups(weight, { bits: bitsOf(type), group, symmetric, ...(clip && { clip }) });
    }
    default:
      return unreachable(weights);
  }
}

const bitsOfTypes = { int2: 2, int3: 3, int4: 4, int8: 8 } as const;

function bitsOf<Type extends keyof typeof bitsOfTypes>(type: Type): (typeof bitsOfTypes)[Type] {
  return bitsOfTypes[type];
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
