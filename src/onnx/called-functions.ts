import type { Graph } from './ir.js';
import type { FunctionDefinition, Model } from './model.js';
import type { Node } from './node.js';

/** The functions that a graph calls, directly or from another of them. */
export function calledFunctions(functions: readonly FunctionDefinition[], graph: Graph): FunctionDefinition[] {
  if (functions.length === 0) return [];
  const called = new Set<FunctionDefinition>();
  const graphs = [graph];
  for (let next = graphs.pop(); next !== undefined; next = graphs.pop()) {
    for (const node of next.nodes) {
      graphs.push(...node.bodies);
      for (const definition of functions) {
        if (called.has(definition) || !isCall(node, definition)) continue;
        called.add(definition);
        graphs.push(definition.body);
      }
    }
  }
  return functions.filter((definition) => called.has(definition));
}

/** Removes the functions that nothing calls, and the operator sets of functions that have none left. */
export function removeUnusedFunctions(model: Model): void {
  const called = calledFunctions(model.functions, model.graph);
  const unused = model.functions.filter((definition) => !called.includes(definition));
  model.functions.splice(0, model.functions.length, ...called);
  for (const { domain } of unused)
    if (!called.some((definition) => definition.domain === domain)) model.opsets.delete(domain);
}

function isCall(node: Node, definition: FunctionDefinition): boolean {
  return node.opType === definition.name && node.domain === definition.domain && node.overload === definition.overload;
}
