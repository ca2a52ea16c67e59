import type { Graph } from '../onnx/ir.js';
import type { Node, Value } from '../onnx/node.js';
import type { LinearLayer } from './linear-layers.js';
import { linearLayerOf } from './linear-layers.js';
import { smoothingGroupOf } from './smoothing-groups.js';

/** Linear layers that read one value, and what makes its channels: scales can move between them. */
export interface ScalingGroup {
  /** Linear layers that are all there is to read the value. */
  readonly layers: readonly LinearLayer[];
  /** Norm or linear layer whose output channels are divided. */
  readonly source: string;
  /** Its constant vectors: weight and bias of a norm, the bias of a linear layer. */
  readonly vectors: readonly Value[];
  /** Linear layer whose columns are divided, if the source is one. */
  readonly linear: LinearLayer | undefined;
}

/**
 * The groups of AWQ (Lin et al. 2023, and llm-awq's `auto_scale.py`) in the structure of a graph: a norm and the linear
 * layers behind it; the value projection and the layer behind the attention, where each head has values of its own; a layer
 * and the one behind a ReLU; the layer that a gate is multiplied with and the one behind.
 */
export function findScalingGroups(graph: Graph): readonly ScalingGroup[] {
  const groups = new Map<Value, ScalingGroup>();
  for (const node of graph.nodes) {
    const layer = linearLayerOf(node);
    if (layer === undefined || layer.isHead || groups.has(layer.input)) continue;
    const group = normGroup(layer.input) ?? linearGroup(layer.input);
    if (group?.layers.every(ownsWeight)) groups.set(layer.input, group);
  }
  return [...groups.values()];
}

function normGroup(value: Value): ScalingGroup | undefined {
  if (value.producer === undefined) return undefined;
  const group = isNorm(value.producer) ? smoothingGroupOf(value.producer) : undefined;
  if (group === undefined || 'reason' in group) return undefined;
  const vectors = group.norm.inputs.slice(1, 3).filter((vector) => vector !== undefined);
  if (!vectors.every(({ useCount }) => useCount === 1)) return undefined;
  return { layers: group.layers, source: group.norm.name, vectors, linear: undefined };
}

function isNorm({ opType }: Node): boolean {
  return opType.endsWith('LayerNormalization') || opType === 'RMSNormalization';
}

function linearGroup(value: Value): ScalingGroup | undefined {
  const layers = value.uses.map(({ node, index }) => (index === 0 ? linearLayerOf(node) : undefined));
  if (value.isGraphOutput || layers.some((layer) => layer === undefined || layer.isHead)) return undefined;
  const readers = layers.filter((layer) => layer !== undefined);
  const origin = originOf(value);
  if (origin === undefined || origin.linear.outputFeatures !== readers[0]?.inputFeatures) return undefined;
  const { linear, bias } = origin;
  if (!ownsWeight(linear)) return undefined;
  return { layers: readers, source: linear.name, vectors: bias === undefined ? [] : [bias], linear };
}

interface Origin {
  readonly linear: LinearLayer;
  readonly bias: Value | undefined;
}

/** The linear layer whose channels are those of a value: a positive scale of one is a scale of the other. */
function originOf(value: Value): Origin | undefined {
  const { producer } = value;
  if (producer === undefined) return undefined;
  switch (producer.opType) {
    case 'Relu':
      return onlyReader(producer.requireInput(0));
    case 'Attention':
      return producer.output === value ? onlyReader(producer.requireInput(2)) : undefined;
    case 'Mul':
      return onlyReader(producer.requireInput(1)) ?? onlyReader(producer.requireInput(0));
    default:
      return undefined;
  }
}

/** The linear layer, perhaps with a bias, that makes a value which one node reads. */
function onlyReader(value: Value): Origin | undefined {
  const { producer } = value;
  if (producer === undefined || value.useCount !== 1 || value.isGraphOutput) return undefined;
  const linear = linearLayerOf(producer);
  if (linear !== undefined) {
    const bias = producer.inputs[2];
    return bias === undefined || isOwnConstant(bias) ? { linear, bias } : undefined;
  }
  if (producer.opType !== 'Add') return undefined;
  const [first, second] = [producer.requireInput(0), producer.requireInput(1)];
  const [product, bias] = second.initializer === undefined ? [second, first] : [first, second];
  if (!isOwnConstant(bias) || product.useCount !== 1 || product.producer === undefined) return undefined;
  const biased = linearLayerOf(product.producer);
  return biased === undefined ? undefined : { linear: biased, bias };
}

function isOwnConstant(value: Value): boolean {
  return value.initializer !== undefined && value.useCount === 1 && value.initializer.dims.length === 1;
}

function ownsWeight({ weight }: LinearLayer): boolean {
  return weight.useCount === 1;
}
