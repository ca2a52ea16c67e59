import type { Node } from '../onnx/node.js';
import { logitsOutput } from './graph-interface.js';
import { isRowWise } from './row-wise.js';

/** The nodes of a decoder behind its prologue, in order. */
export interface SplitHead {
  readonly body: readonly Node[];
  /** What computes the logits of a token from values of that token, so that it can be left out for all but the last. */
  readonly head: readonly Node[];
}

/** `nodes` are in topological order. Those that `stays` is true for are in the body, and all that they read. */
export function splitHead(nodes: readonly Node[], stays: (node: Node) => boolean): SplitHead {
  const head = new Set<Node>();
  for (const node of nodes.toReversed()) {
    const isForLogits = node.outputs.every((value) => {
      if (value === undefined) return true;
      if (value.isGraphOutput && value.name !== logitsOutput) return false;
      return value.uses.every((use) => head.has(use.node));
    });
    if (isForLogits && isRowWise(node) && !stays(node)) head.add(node);
  }
  return { body: nodes.filter((node) => !head.has(node)), head: nodes.filter((node) => head.has(node)) };
}
