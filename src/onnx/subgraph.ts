import { calledFunctions } from './called-functions.js';
import { copyInitializer, copyNodes } from './copy-nodes.js';
import { Graph } from './ir.js';
import { Model } from './model.js';
import type { Node, Value } from './node.js';
import { nodeAround, valuesRead } from './order.js';

/**
 * A stand-alone model of some nodes of one graph. Its inputs are the values the nodes read and do not compute, in the
 * order in which they are first read; its outputs are the values they compute that are read elsewhere or are outputs of
 * the graph, in the order of the nodes. Names and types stay; initializers are shared, not copied; functions come along
 * where they are called. Takes time proportional to the nodes and the uses of their outputs.
 */
export function extractSubgraph(model: Model, nodes: readonly Node[]): Model {
  const source = nodes[0]?.graph;
  if (source === undefined) throw new Error('a subgraph needs at least one node');
  const chosen = new Set(nodes);
  const computed = new Set<Value>();
  for (const node of chosen) {
    if (node.graph !== source) throw new Error(`node ${node.name} is in another graph than the others`);
    for (const output of node.outputs) if (output !== undefined) computed.add(output);
  }
  const graph = new Graph(source.name);
  const copies = new Map<Value, Value>();
  for (const node of chosen) {
    for (const value of valuesRead(node)) {
      if (computed.has(value) || copies.has(value)) continue;
      if (value.initializer !== undefined && !value.isGraphInput) copyInitializer(value, graph, copies);
      else copies.set(value, graph.addInput(value.name, value.type));
    }
  }
  copyNodes([...chosen], graph, copies);
  for (const value of computed) {
    const copy = copies.get(value);
    if (copy !== undefined && isReadElsewhere(value, source, chosen)) graph.addOutput(copy);
  }
  graph.sort();
  const part = new Model({
    graph,
    opsets: model.opsets,
    irVersion: model.irVersion,
    producerName: model.producerName,
    producerVersion: model.producerVersion,
  });
  part.functions.push(...calledFunctions(model.functions, graph));
  return part;
}

function isReadElsewhere(value: Value, source: Graph, chosen: ReadonlySet<Node>): boolean {
  return value.isGraphOutput || value.uses.some(({ node }) => !chosen.has(nodeAround(node, source)));
}
