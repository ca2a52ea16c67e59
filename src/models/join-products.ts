import type { Graph } from '../onnx/ir.js';
import type { Node, Value } from '../onnx/node.js';
import { fuseSmallProducts } from './fuse-products.js';

/**
 * Joined products have at most so many bytes of weights. It takes longer to read them than to dispatch a product, and
 * joined weights are in memory twice until the session is open.
 */
const largestBytes = 4 * 1024 ** 2;

/**
 * Makes fewer operators of a graph that a session is going to be opened of, with the same results: of small products that
 * read the same activations one, whose queries, keys and values the attention reads side by side.
 */
export function joinProducts(graph: Graph): void {
  if (fuseSmallProducts(graph, largestBytes) === 0) return;
  for (const node of graph.nodes) packAttention(node);
  graph.removeUnused();
}

function packAttention(node: Node): void {
  if (node.domain !== 'com.microsoft' || node.opType !== 'GroupQueryAttention') return;
  const packed = splitInto(node.inputs.slice(0, 3));
  if (packed === undefined) return;
  node.setInput(0, packed);
  node.setInput(1, undefined);
  node.setInput(2, undefined);
}

/** What a Split makes these values of, in this order, and no others. */
function splitInto(parts: readonly (Value | undefined)[]): Value | undefined {
  const split = parts[0]?.producer;
  const isSplit = split?.domain === '' && split.opType === 'Split' && split.outputs.length === parts.length;
  return isSplit && parts.every((part, index) => part === split.outputs[index]) ? split.inputs[0] : undefined;
}
