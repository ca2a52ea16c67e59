import type { Attribute } from './attribute.js';
import { Graph } from './ir.js';
import type { Node, Value } from './node.js';

/**
 * Copies nodes with their subgraphs into another graph. `copies` gives for each value the nodes read from outside its
 * copy in the target, and gets those of their outputs. Tensors are shared. The nodes may stand in any order. Names of nodes
 * and of what they compute get the prefix.
 */
export function copyNodes(nodes: readonly Node[], target: Graph, copies: Map<Value, Value>, prefix = ''): void {
  const pairs = nodes.map((node) => ({ node, copy: copyUnconnected(node, target, copies, prefix) }));
  for (const { node, copy } of pairs) {
    for (const [index, input] of node.inputs.entries()) {
      if (input !== undefined) copy.setInput(index, copyOf(input, copies));
    }
    for (const [name, attribute] of node.attributes)
      copy.setAttribute(name, copyAttribute(attribute, target, copies, prefix));
  }
}

function copyUnconnected(node: Node, target: Graph, copies: Map<Value, Value>, prefix: string): Node {
  const copy = target.addNode({
    name: prefixed(prefix, node.name),
    opType: node.opType,
    domain: node.domain,
    overload: node.overload,
    inputs: node.inputs.map(() => undefined),
    outputs: node.outputs.map((output) => prefixed(prefix, output?.name ?? '')),
  });
  copy.docString = node.docString;
  for (const [key, value] of node.metadata) copy.metadata.set(key, value);
  for (const [index, output] of node.outputs.entries()) {
    const outputCopy = copy.outputs[index];
    if (output === undefined || outputCopy === undefined) continue;
    outputCopy.type = output.type;
    copies.set(output, outputCopy);
  }
  return copy;
}

function copyAttribute(attribute: Attribute, target: Graph, copies: Map<Value, Value>, prefix: string): Attribute {
  if (attribute.type !== 'graph') return attribute;
  return { type: 'graph', value: copyBody(attribute.value, target, copies, prefix) };
}

function copyBody(body: Graph, parent: Graph, copies: Map<Value, Value>, prefix: string): Graph {
  const copy = new Graph(body.name, parent);
  copy.docString = body.docString;
  for (const [key, value] of body.metadata) copy.metadata.set(key, value);
  for (const input of body.inputs) copies.set(input, copy.addInput(prefixed(prefix, input.name), input.type));
  for (const value of body.initializers.values()) copyInitializer(value, copy, copies, prefix);
  copyNodes(body.nodes, copy, copies, prefix);
  for (const output of body.outputs) copy.addOutput(copyOf(output, copies));
  return copy;
}

/** Copies an initializer, or the default of an input that has its copy already. */
export function copyInitializer(value: Value, target: Graph, copies: Map<Value, Value>, prefix = ''): void {
  if (value.initializer === undefined) throw new Error(`${value.name} is no initializer`);
  const input = copies.get(value);
  if (input === undefined) copies.set(value, target.addInitializer(prefixed(prefix, value.name), value.initializer));
  else target.setInitializer(input, value.initializer);
}

function copyOf(value: Value, copies: ReadonlyMap<Value, Value>): Value {
  const copy = copies.get(value);
  if (copy === undefined) throw new Error(`value ${value.name} has no copy`);
  return copy;
}

/** What has no name, or stands for nothing, stays so. */
function prefixed(prefix: string, name: string): string {
  return name === '' ? '' : `${prefix}${name}`;
}
