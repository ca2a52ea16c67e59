import { intAttribute } from '../onnx/attribute.js';
import type { Graph } from '../onnx/ir.js';
import type { Node, Value } from '../onnx/node.js';
import type { LinearLayer } from './linear-layers.js';
import { linearLayerOf } from './linear-layers.js';

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
  /**
   * The channel of the source that each input feature of the layers is, where several are one: heads of queries that share
   * the values of one head.
   */
  readonly sharedChannels: Int32Array | undefined;
  /** Whether scales may be negative: not through a ReLU. */
  readonly maySwitchSign: boolean;
}

/** What can't be scaled, and why. */
export interface RefusedGroup {
  /** The norm, or the first of the linear layers that read what no norm makes. */
  readonly name: string;
  readonly isNorm: boolean;
  readonly reason: string;
}

export interface ScalingGroups {
  readonly groups: readonly ScalingGroup[];
  readonly refused: readonly RefusedGroup[];
}

const normTypes = new Set(['LayerNormalization', 'RMSNormalization', 'SimplifiedLayerNormalization']);

/**
 * Where scales can move between operators without changing the function, found in the structure of a graph: behind a norm
 * (SmoothQuant: Xiao et al. 2022, arXiv 2211.10438, section 4.1); between the value projection and the layer behind the
 * attention; between layers with a ReLU between them; between the layer that a gate is multiplied with and the one behind
 * (AWQ: Lin et al. 2023, and llm-awq's `auto_scale.py`).
 */
export function findScalingGroups(graph: Graph): ScalingGroups {
  const groups: ScalingGroup[] = [];
  const refused: RefusedGroup[] = [];
  const seen = new Set<Value>();
  for (const node of graph.nodes) {
    const found = isNorm(node) ? normGroup(node) : linearGroupBefore(node, seen);
    if (found === undefined) continue;
    if ('reason' in found) refused.push(found);
    else groups.push(found);
  }
  return { groups, refused };
}

function isNorm({ opType }: Node): boolean {
  return normTypes.has(opType);
}

function normGroup(norm: Node): ScalingGroup | RefusedGroup {
  const refuse = (reason: string): RefusedGroup => ({ name: norm.name, isNorm: true, reason });
  const vectors = norm.inputs.slice(1, 3).filter((vector) => vector !== undefined);
  for (const [index, vector] of vectors.entries()) {
    const what = index === 0 ? 'weight' : 'bias';
    if (vector.initializer === undefined) return refuse(`its ${what} is not a constant`);
    if (vector.useCount > 1) return refuse(`its ${what} ${vector.name} is shared by ${vector.useCount} operators`);
  }
  const layers = readersOf(norm.output);
  if (typeof layers === 'string') return refuse(layers);
  return { layers, source: norm.name, vectors, linear: undefined, sharedChannels: undefined, maySwitchSign: true };
}

/** The group of a linear layer's input, if no norm makes that, the first time it is met. */
function linearGroupBefore(node: Node, seen: Set<Value>): ScalingGroup | RefusedGroup | undefined {
  const layer = linearLayerOf(node);
  const producer = layer?.input.producer;
  if (layer === undefined || layer.isHead || producer === undefined || isNorm(producer) || seen.has(layer.input)) {
    return undefined;
  }
  seen.add(layer.input);
  const refuse = (reason: string): RefusedGroup => ({ name: layer.name, isNorm: false, reason });
  const layers = readersOf(layer.input);
  if (typeof layers === 'string') return refuse(layers);
  const origin = originOf(layer.input);
  if (origin === undefined) {
    return refuse(`its input comes out of ${producer.name} (${producer.opType}), through which no scales can move`);
  }
  const { linear, bias, attention } = origin;
  if (!ownsWeight(linear)) return refuse(`the weight of ${linear.name} is shared by several operators`);
  const channels = attention === undefined ? undefined : valueChannels(attention, linear.outputFeatures);
  const features = channels?.length ?? linear.outputFeatures;
  if (features !== layer.inputFeatures) return refuse(`${linear.name} has other channels than it reads`);
  const isShared = channels !== undefined && channels.length > linear.outputFeatures;
  return {
    layers,
    source: linear.name,
    vectors: bias === undefined ? [] : [bias],
    linear,
    sharedChannels: isShared ? channels : undefined,
    maySwitchSign: producer.opType !== 'Relu',
  };
}

/** The linear layers that are all there is to read a value, or why there are none such. */
function readersOf(value: Value): readonly LinearLayer[] | string {
  if (value.isGraphOutput) return 'its output is an output of the model';
  const layers: LinearLayer[] = [];
  for (const { node, index } of value.uses) {
    const layer = index === 0 ? linearLayerOf(node) : undefined;
    if (layer === undefined) return `${node.name} (${node.opType}) reads it and is not a linear layer`;
    if (layer.isHead) return `${layer.name} makes the logits and is not smoothed`;
    if (!ownsWeight(layer)) return `the weight of ${layer.name} is shared by several operators`;
    layers.push(layer);
  }
  return layers.length === 0 ? 'nothing reads it' : layers;
}

interface Origin {
  readonly linear: LinearLayer;
  readonly bias: Value | undefined;
  /** The attention between the layer and the value. */
  readonly attention?: Node;
}

/** The linear layer whose channels are those of a value: a positive scale of one is a scale of the other. */
function originOf(value: Value): Origin | undefined {
  const { producer } = value;
  if (producer === undefined) return undefined;
  switch (producer.opType) {
    case 'Relu':
      return onlyReader(producer.requireInput(0));
    case 'Attention': {
      const origin =
        producer.domain === '' && producer.output === value ? onlyReader(producer.requireInput(2)) : undefined;
      return origin === undefined ? undefined : { ...origin, attention: producer };
    }
    case 'Mul':
      return onlyReader(producer.requireInput(1)) ?? onlyReader(producer.requireInput(0));
    default:
      return undefined;
  }
}

/** The channel of the values that each feature of an attention's output is a mixture of. */
function valueChannels({ attributes }: Node, channels: number): Int32Array {
  const valueHeads = intAttribute(attributes, 'kv_num_heads') ?? 1;
  const sharing = (intAttribute(attributes, 'q_num_heads') ?? valueHeads) / valueHeads;
  const headSize = channels / valueHeads;
  return Int32Array.from({ length: channels * sharing }, (_, feature) => {
    const head = Math.floor(feature / headSize);
    return Math.floor(head / sharing) * headSize + (feature % headSize);
  });
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
