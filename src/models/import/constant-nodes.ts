import type { Attribute } from '../../onnx/attribute.js';
import type { Graph } from '../../onnx/ir.js';
import type { Pass } from '../../onnx/passes.js';
import { int64Scalar, int64Vector, type Tensor, tensorFrom } from '../../onnx/tensor.js';

/** Makes an initializer of each Constant node, in subgraphs too. */
export const constantNodes: Pass = {
  name: 'constant nodes',
  run: ({ graph }) => replaceConstants(graph) > 0,
};

function replaceConstants(graph: Graph): number {
  let replaced = 0;
  for (const node of graph.nodes) {
    for (const body of node.bodies) replaced += replaceConstants(body);
    const tensor = node.domain === '' && node.opType === 'Constant' ? constantOf([...node.attributes]) : undefined;
    if (tensor === undefined || node.output.isGraphOutput) continue;
    const { output } = node;
    const constant = graph.addInitializer(graph.uniqueName(`${output.name}/constant`), tensor);
    graph.replaceAllUses(output, constant);
    graph.removeNode(node);
    replaced++;
  }
  return replaced;
}

function constantOf([entry]: readonly (readonly [string, Attribute])[]): Tensor | undefined {
  const attribute = entry?.[1];
  switch (attribute?.type) {
    case 'tensor':
      return attribute.value;
    case 'int':
      return int64Scalar(Number(attribute.value));
    case 'ints':
      return int64Vector(attribute.value.map(Number));
    case 'float':
      return tensorFrom('float32', [], Float32Array.of(attribute.value));
    case 'floats':
      return tensorFrom('float32', [attribute.value.length], Float32Array.from(attribute.value));
    default:
      return undefined;
  }
}
