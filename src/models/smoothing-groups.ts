import type { Graph } from '../onnx/ir.js';
import type { Node } from '../onnx/node.js';
import type { LinearLayer } from './linear-layers.js';
import { linearLayerOf } from './linear-layers.js';

const normTypes = new Set(['LayerNormalization', 'RMSNormalization', 'SimplifiedLayerNormalization']);

/** A norm and the linear layers that are all there is to read it: scaling its channels can be undone in their weights. */
export interface SmoothingGroup {
  readonly norm: Node;
  readonly layers: readonly LinearLayer[];
}

/** A norm that is no group, and why. */
export interface RefusedNorm {
  readonly norm: Node;
  readonly reason: string;
}

export interface SmoothingGroups {
  readonly groups: readonly SmoothingGroup[];
  readonly refused: readonly RefusedNorm[];
}

/** Finds the groups that SmoothQuant works on (Xiao et al. 2022, arXiv 2211.10438, section 4.1) in the structure of a graph. */
export function findSmoothingGroups(graph: Graph): SmoothingGroups {
  const groups: SmoothingGroup[] = [];
  const refused: RefusedNorm[] = [];
  for (const norm of graph.nodes.filter(({ opType }) => normTypes.has(opType))) {
    const group = smoothingGroupOf(norm);
    if ('reason' in group) refused.push(group);
    else groups.push(group);
  }
  return { groups, refused };
}

/** The group of a norm, or why it has none. */
export function smoothingGroupOf(norm: Node): SmoothingGroup | RefusedNorm {
  if (norm.inputs[1]?.initializer === undefined) return { norm, reason: 'its weight is not a constant' };
  if (norm.inputs[2] !== undefined && norm.inputs[2].initializer === undefined)
    return { norm, reason: 'its bias is not a constant' };
  if (norm.output.isGraphOutput) return { norm, reason: 'its output is an output of the model' };
  const layers: LinearLayer[] = [];
  for (const { node, index } of norm.output.uses) {
    const layer = index === 0 ? linearLayerOf(node) : undefined;
    if (layer === undefined)
      return { norm, reason: `${node.name} (${node.opType}) reads it and is not a linear layer` };
    if (layer.isHead) return { norm, reason: `${layer.name} makes the logits and is not smoothed` };
    layers.push(layer);
  }
  return layers.length === 0 ? { norm, reason: 'nothing reads it' } : { norm, layers };
}
