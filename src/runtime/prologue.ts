import { QuernError } from '../errors.js';
import type { Graph } from '../onnx/ir.js';
import type { Node, Value } from '../onnx/node.js';
import { topologicalOrder, valuesRead } from '../onnx/order.js';
import { maskInput, tokensInput } from './graph-interface.js';

/** The nodes of a decoder graph, those that run before all others apart. Both in topological order. */
export interface SplitNodes {
  /**
   * What depends on the number of tokens alone: lengths for the attention and positions. The mask has another length with
   * each token, and nobody else reads it.
   */
  readonly prologue: readonly Node[];
  readonly rest: readonly Node[];
}

/** @throws QuernError (`input`) if a node reads the mask together with values that depend on the tokens themselves */
export function splitPrologue(graph: Graph): SplitNodes {
  const prologue = new Set<Node>();
  const rest: Node[] = [];
  for (const node of topologicalOrder(graph)) {
    const values = [...valuesRead(node)];
    const isLength = (value: Value): boolean => isKnownByLengths(value, prologue) || readsOnlyShape(node, value);
    if (values.every(isLength)) prologue.add(node);
    else if (values.some(({ name }) => name === maskInput)) throw mixesMask(node);
    else rest.push(node);
  }
  return { prologue: [...prologue], rest };
}

function isKnownByLengths(value: Value, prologue: ReadonlySet<Node>): boolean {
  if (value.producer !== undefined) return prologue.has(value.producer);
  return value.initializer !== undefined || value.name === maskInput;
}

function readsOnlyShape(node: Node, value: Value): boolean {
  return value.name === tokensInput && node.domain === '' && (node.opType === 'Shape' || node.opType === 'Size');
}

function mixesMask(node: Node): QuernError {
  return new QuernError(
    'input',
    `${node.opType} node ${node.name} reads ${maskInput} beside activations, which the eager runtime does not support`,
    { suggestion: 'export the model with `attention: gqa`' },
  );
}
