import { copyInitializer, copyNodes } from './copy-nodes.js';
import type { FunctionDefinition, Model } from './model.js';
import type { Value } from './node.js';

/**
 * Lets a model compute what another does, of its values that have the names of the other's inputs. Names of what is copied
 * get a prefix; tensors are shared. Functions and operator sets come along where the model has none of the name. Returns
 * the outputs, in order.
 */
export function insertModel(model: Model, other: Model, prefix: string): readonly Value[] {
  const { graph } = other;
  const copies = new Map<Value, Value>();
  for (const input of graph.inputs) {
    const value = model.graph.value(input.name);
    if (value === undefined) throw new Error(`the model has no value ${input.name}`);
    copies.set(input, value);
  }
  for (const value of graph.initializers.values()) {
    if (!value.isGraphInput) copyInitializer(value, model.graph, copies, prefix);
  }
  copyNodes(graph.nodes, model.graph, copies, prefix);
  for (const definition of other.functions) {
    if (!model.functions.some((known) => isSameName(known, definition))) model.functions.push(definition);
  }
  for (const [domain, version] of other.opsets) if (!model.opsets.has(domain)) model.opsets.set(domain, version);
  return graph.outputs.map((output) => copies.get(output)!);
}

function isSameName(one: FunctionDefinition, other: FunctionDefinition): boolean {
  return one.domain === other.domain && one.name === other.name && one.overload === other.overload;
}
