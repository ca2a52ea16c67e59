import type { LinearLayer } from '../../models/linear-layers.js';
import type { Model } from '../../onnx/model.js';
import type { Tensor } from '../../onnx/tensor.js';
import { tensorFrom } from '../../onnx/tensor.js';
import { nbitsMatMulNode, nbitsNames } from '../../quant/names.js';
import type { NBitsWeight } from '../../quant/nbits-weight.js';
import { nbitsBlockCount } from '../../quant/nbits-weight.js';
import { addNode, replaceNode } from './replace-node.js';

/** The initializers of MatMulNBits for a weight of this name. */
export function nbitsTensors(name: string, weight: NBitsWeight): readonly (readonly [string, Tensor])[] {
  const { rows, columns, bits, block, codes, scales, zeroPoints } = weight;
  const names = nbitsNames(name, bits);
  const blocks = nbitsBlockCount(rows, block);
  return [
    [names.codes, tensorFrom('uint8', [columns, blocks, (block * bits) / 8], codes)],
    [names.scales, tensorFrom('float32', [columns * blocks], scales)],
    ...(zeroPoints === undefined
      ? []
      : [[names.zeroPoints, tensorFrom('uint8', [zeroPoints.length], zeroPoints)] as const]),
  ];
}

/** Replaces a linear layer by MatMulNBits with a quantized weight. */
export function replaceByNBits(model: Model, layer: LinearLayer, weight: NBitsWeight, accuracyLevel: number): void {
  const { rows, columns, bits, block, zeroPoints } = weight;
  const { graph } = layer.node;
  for (const [name, tensor] of nbitsTensors(layer.weight.name, weight)) graph.addInitializer(name, tensor);
  const hasZeroPoints = zeroPoints !== undefined;
  const matMul = { name: layer.name, activation: layer.input.name, weight: layer.weight.name };
  const attributes = { rows, columns, bits, block, hasZeroPoints, accuracyLevel };
  replaceNode(layer, (output) => addNode(layer, nbitsMatMulNode({ ...matMul, output }, attributes)));
  model.opsets.set('com.microsoft', 1);
}
