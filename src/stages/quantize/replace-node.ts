import type { LinearLayer } from '../../models/linear-layers.js';
import { moduleKey } from '../../models/module-key.js';
import { int } from '../../onnx/attribute.js';
import type { Node, Value } from '../../onnx/node.js';
import { replaceOutput } from '../../onnx/replace-output.js';
import type { NodeDescription } from '../../quant/names.js';

/** Adds a described node in front of the layer's, and notes the module it belongs to. */
export function addNode(
  layer: LinearLayer,
  { opType, domain, name, inputs, outputs, attributes }: NodeDescription,
): Node {
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
export function replaceNode({ node }: LinearLayer, addNodes: (output: string) => void): void {
  replaceOutput(node.output, `${node.output.name}/quantized`, addNodes);
}
