import { type Attribute, int } from '../../src/onnx/attribute.js';
import type { DataType } from '../../src/onnx/data-type.js';
import { byteLengthOf } from '../../src/onnx/data-type.js';
import { Graph } from '../../src/onnx/ir.js';
import type { Node } from '../../src/onnx/node.js';
import { MemoryTensor } from '../../src/onnx/tensor.js';

/** Zeros of a type and shape. */
export function zeroTensor(dataType: DataType, ...dims: number[]): MemoryTensor {
  return new MemoryTensor(dataType, dims, new Uint8Array(byteLengthOf(dataType, dims)!));
}

/** A node whose first input is computed and whose others are the given constants (`undefined`: a computed one too). */
export function nodeWith(
  opType: string,
  constants: readonly (MemoryTensor | undefined)[],
  { domain = '', attributes = {} }: { domain?: string; attributes?: { [name: string]: number } } = {},
): Node {
  const graph = new Graph('one node');
  const inputs = [graph.addInput('x', { dataType: 'float32' })];
  constants.forEach((tensor, index) => {
    const name = `constant_${index}`;
    inputs.push(tensor === undefined ? graph.addInput(name) : graph.addInitializer(name, tensor));
  });
  const encoded: { [name: string]: Attribute } = {};
  for (const [name, value] of Object.entries(attributes)) encoded[name] = int(value);
  return graph.addNode({ opType, domain, name: 'layer.fc1', inputs, outputs: ['y'], attributes: encoded });
}
