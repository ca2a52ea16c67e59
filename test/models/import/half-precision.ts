import { float32ArrayToFloat16 } from '../../../src/numerics/half.js';
import type { Attribute } from '../../../src/onnx/attribute.js';
import type { Graph } from '../../../src/onnx/ir.js';
import type { Value } from '../../../src/onnx/node.js';
import { float32Of, type Tensor, tensorFrom } from '../../../src/onnx/tensor.js';

/** [float32, float16] as ONNX numbers them. */
const [floatCode, halfCode] = [1, 10];
const largestHalf = 65504;

/** Everything that a graph computes in float32 in float16 instead, caches and logits as well. */
export function useHalfPrecision(graph: Graph): void {
  for (const value of graph.initializers.values()) {
    if (value.initializer?.dataType === 'float32') graph.setInitializer(value, half(value.initializer));
  }
  for (const value of [...graph.inputs, ...graph.outputs]) changeType(value);
  for (const node of graph.nodes) {
    // What a norm casts is float already.
    const isNormCast = node.opType === 'Cast' && /norm\/Cast/.test(node.name);
    if (isNormCast && node.inputs[0] !== undefined) graph.replaceAllUses(node.output, node.inputs[0]);
    for (const output of node.outputs) if (output !== undefined) changeType(output);
    for (const [name, attribute] of node.attributes) {
      const changed = halfAttribute(name, attribute);
      if (changed !== undefined) node.setAttribute(name, changed);
    }
  }
  graph.removeUnused();
}

function halfAttribute(name: string, attribute: Attribute): Attribute | undefined {
  if (attribute.type === 'tensor' && attribute.value.dataType === 'float32') {
    return { type: 'tensor', value: half(attribute.value) };
  }
  const isCast = name === 'to' && attribute.type === 'int' && attribute.value === floatCode;
  return isCast ? { type: 'int', value: halfCode } : undefined;
}

function changeType(value: Value): void {
  if (value.type?.dataType === 'float32') value.type = { ...value.type, dataType: 'float16' };
}

function half(tensor: Tensor): Tensor {
  const bounded = float32Of(tensor).map((value) => Math.min(largestHalf, Math.max(-largestHalf, value)));
  return tensorFrom('float16', tensor.dims, float32ArrayToFloat16(bounded));
}
