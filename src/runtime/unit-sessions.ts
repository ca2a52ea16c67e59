import { openModelSession } from '../models/graph-session.js';
import { joinProducts } from '../models/join-products.js';
import type { Graph } from '../onnx/ir.js';
import type { Model } from '../onnx/model.js';
import type { Node } from '../onnx/node.js';
import { extractSubgraph } from '../onnx/subgraph.js';
import type { Engine, Session } from '../ort/engine.js';

/**
 * Opens a session of some nodes of a model. Their inputs need a type in the graph; the outputs get the one that ONNX
 * Runtime infers, so that the units behind can be opened next.
 */
export function openUnitSession(engine: Engine, model: Model, nodes: readonly Node[], directory: string): Session {
  const unit = extractSubgraph(model, nodes);
  if (nodes.length > 1) joinProducts(unit.graph);
  const session = openModelSession(engine, unit, directory);
  declareOutputs(model.graph, session);
  return session;
}

/** Gives the values that a session computes their types in the graph they come from, where they have none. */
export function declareOutputs(graph: Graph, { outputs }: Pick<Session, 'outputs'>): void {
  for (const { name, dataType, dims } of outputs) {
    const value = graph.value(name);
    if (value === undefined) throw new Error(`unit output ${name} is not a value of the graph`);
    const shape = dims.map((size) => (size === '' ? undefined : size));
    // A tensor of unknown rank looks like a scalar here, and a wrong rank would be refused later.
    value.type ??= shape.length === 0 ? { dataType } : { dataType, shape };
  }
}
