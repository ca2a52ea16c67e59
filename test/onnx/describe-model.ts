import type { Attribute } from '../../src/onnx/attribute.js';
import type { Graph } from '../../src/onnx/ir.js';
import type { Model } from '../../src/onnx/model.js';
import type { Value } from '../../src/onnx/node.js';
import { StringTensor, type Tensor } from '../../src/onnx/tensor.js';

/** Everything a model says as plain data, for comparing two models. */
export function describeModel(model: Model): unknown {
  const { graph, opsets, functions, metadata, ...rest } = model;
  return {
    ...rest,
    opsets: [...opsets],
    metadata: [...metadata],
    graph: describeGraph(graph),
    functions: functions.map(({ body, opsets: own, attributeDefaults, metadata: entries, ...other }) => ({
      ...other,
      body: describeGraph(body),
      opsets: [...own],
      metadata: [...entries],
      defaults: describeAttributes(attributeDefaults),
    })),
  };
}

export function describeTensor(tensor: Tensor): unknown {
  const { dataType, dims } = tensor;
  const elements = tensor instanceof StringTensor ? tensor.strings : Buffer.from(tensor.bytes()).toString('hex');
  return { dataType, dims, elements };
}

function describeGraph(graph: Graph): unknown {
  return {
    name: graph.name,
    docString: graph.docString,
    metadata: [...graph.metadata],
    inputs: graph.inputs.map(describeValue),
    outputs: graph.outputs.map(describeValue),
    initializers: [...graph.initializers.values()].map(describeValue),
    nodes: graph.nodes.map((node) => ({
      name: node.name,
      operator: [node.domain, node.opType, node.overload],
      docString: node.docString,
      metadata: [...node.metadata],
      inputs: node.inputs.map((value) => value?.name),
      outputs: node.outputs.map((value) => value && describeValue(value)),
      attributes: describeAttributes(node.attributes),
    })),
  };
}

function describeValue({ name, type, initializer }: Value): unknown {
  return { name, type, tensor: initializer && describeTensor(initializer) };
}

function describeAttributes(attributes: ReadonlyMap<string, Attribute>): unknown {
  return [...attributes].map(([name, attribute]) => {
    if (attribute.type === 'tensor') return [name, describeTensor(attribute.value)];
    return attribute.type === 'graph' ? [name, describeGraph(attribute.value)] : [name, attribute];
  });
}
