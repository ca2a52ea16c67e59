import type { Graph } from './ir.js';
import type { Node, Value } from './node.js';

/** A node depends on its own output. */
export class CycleError extends Error {
  constructor(readonly node: Node) {
    super(`${node.opType} node ${node.name} depends on its own output`);
    this.name = 'CycleError';
  }
}

/** Values from outside a node that it reads: its inputs, and what its subgraphs take from the graphs around them. */
export function valuesRead(node: Node): ReadonlySet<Value> {
  const read = new Set<Value>();
  for (const input of node.inputs) if (input !== undefined) read.add(input);
  const bodies = [...node.bodies];
  if (bodies.length === 0) return read;
  const around = new Set<Graph>();
  for (let graph: Graph | undefined = node.graph; graph !== undefined; graph = graph.parent) around.add(graph);
  for (let body = bodies.pop(); body !== undefined; body = bodies.pop()) {
    for (const inner of body.nodes) {
      for (const input of inner.inputs) if (input !== undefined && around.has(input.graph)) read.add(input);
      bodies.push(...inner.bodies);
    }
  }
  return read;
}

/** The node of `graph` that is `node` or has it in one of its subgraphs. */
export function nodeAround(node: Node, graph: Graph): Node {
  let around = node;
  while (around.graph !== graph && around.graph.owner !== undefined) around = around.graph.owner;
  return around;
}

/** Nodes of the same graph whose outputs a node reads. */
function dependencies(node: Node): Node[] {
  return [...valuesRead(node)].flatMap(({ graph, producer }) =>
    graph === node.graph && producer !== undefined ? [producer] : [],
  );
}

/** The nodes of a graph, each after what it depends on, otherwise in the order they have. Throws `CycleError`. */
export function topologicalOrder(graph: Graph): readonly Node[] {
  const order = new Set<Node>();
  const open = new Set<Node>();
  for (const root of graph.nodes) {
    if (order.has(root)) continue;
    const path = [{ node: root, remaining: dependencies(root).reverse() }];
    open.add(root);
    for (let step = path.at(-1); step !== undefined; step = path.at(-1)) {
      const dependency = step.remaining.pop();
      if (dependency === undefined) {
        order.add(step.node);
        open.delete(step.node);
        path.pop();
      } else if (open.has(dependency)) {
        throw new CycleError(dependency);
      } else if (!order.has(dependency)) {
        open.add(dependency);
        path.push({ node: dependency, remaining: dependencies(dependency).reverse() });
      }
    }
  }
  return [...order];
}
