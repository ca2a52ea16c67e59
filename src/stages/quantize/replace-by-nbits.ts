import type { LinearLayer } from '../../models/linear-layers.js';
import type { Model } from '../../onnx/model.js';
import { tensorFrom } from '../../onnx/tensor.js';
import { nbitsMatMulNode, nbitsNames } from '../../quant/names.js';
import type { NBitsWeight } from '../../quant/nbits-weight.js';
import { nbitsBlockCount } from '../../quant/nbits-weight.js';
import { addNode, replaceNode } from './replace-node.js';

/** Replaces a linear layer by MatMulNBits with a quantized weight. */
export function replaceByNBits(model: Model, layer: LinearLayer, weight: NBitsWeight, accuracyLevel: number): void {
  const { rows, columns, bits, block, codes, scales, zeroPoints } = weight;
  const names = nbitsNames(layer.weight.name, bits);
  const { graph } = layer.node;
  const blocks = nbitsBlockCount(rows, block);
  graph.addInitializer(names.codes, tensorFrom('uint8', [columns, blocks, (block * bits) / 8], codes));
  graph.addInitializer(names.scales, tensorFrom('float32', [columns * blocks], scales));
  const hasZeroPoints = zeroPoints !== undefined;
  if (hasZeroPoints) graph.addInitializer(names.zeroPoints, tensorFrom('uint8', [zeroPoints.length], zeroPoints));
  const matMul = { name: layer.name, activation: layer.input.name, weight: layer.weight.name };
  const attributes = { rows, columns, bits, block, hasZeroPoints, accuracyLevel };
  replaceNode(layer, (output) => addNode(layer, nbitsMatMulNode({ ...matMul, output }, attributes)));
  model.opsets.set('com.microsoft', 1);
}
