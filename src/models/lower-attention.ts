import { float, floatAttribute, int, intAttribute } from '../onnx/attribute.js';
import type { Graph } from '../onnx/ir.js';
import type { Model } from '../onnx/model.js';
import type { Node, Value } from '../onnx/node.js';
import { int64Vector, tensorFrom } from '../onnx/tensor.js';
import { findRotation, type Rotation } from './attention-rotation.js';
import { functionDomain } from './functions.js';
import { slidingWindowType } from './sequence-functions.js';

const contribDomain = 'com.microsoft';

/**
 * Replaces each causal Attention of the ONNX standard by GroupQueryAttention of ONNX Runtime, whose cache can grow in
 * place. All engines run models in this form: different attention kernels differ in their last bits, which quantized
 * layers behind them amplify. Rotations of queries and keys and masks of sliding windows become part of it where it
 * computes the same. What nothing reads any more is removed. Returns how many were replaced.
 */
export function lowerAttention(model: Model): number {
  const nodes = model.graph.nodes.filter((node) => node.domain === '' && node.opType === 'Attention');
  if (nodes.length === 0) return 0;
  const lengths = addLengths(model.graph, nodes[0]!);
  for (const node of nodes) lowerNode(model.graph, node, lengths);
  model.opsets.set(contribDomain, 1);
  model.graph.removeUnused();
  return nodes.length;
}

interface Lengths {
  /** int32 [batch]: tokens of each sequence, less one. */
  readonly lastPositions: Value;
  /** int32 scalar: tokens of the longest sequence. */
  readonly total: Value;
}

/** The lengths that GroupQueryAttention asks for, computed from the attention mask. */
function addLengths(graph: Graph, before: Node): Lengths {
  const mask = graph.value('attention_mask');
  if (mask === undefined) throw new Error('a model with attention has an input attention_mask');
  const add = (opType: string, name: string, inputs: readonly Value[], attributes = {}): Value =>
    graph.addNode({ opType, name, inputs, outputs: [name], attributes, before }).output;
  const axis = graph.addInitializer('attention_lengths/axis', int64Vector([1]));
  const one = graph.addInitializer('attention_lengths/one', tensorFrom('int64', [], BigInt64Array.of(1n)));
  const sum = add('ReduceSum', 'attention_lengths/sum', [mask, axis], { keepdims: int(0) });
  const last = add('Sub', 'attention_lengths/last', [sum, one]);
  const shape = add('Shape', 'attention_lengths/shape', [mask], { start: int(1), end: int(2) });
  const int32 = { to: int(6) };
  return {
    lastPositions: add('Cast', 'attention_lengths/last_positions', [last], int32),
    total: add('Cast', 'attention_lengths/total', [shape], int32),
  };
}

/** An attention node in the form that models of quern have. */
interface CausalAttention {
  readonly inputs: Pick<Rotation, 'query' | 'key'> & {
    readonly value: Value;
    readonly pastKey: Value;
    readonly pastValue: Value;
  };
  readonly heads: number;
  readonly keyValueHeads: number;
  /** How many of the latest tokens a token sees, if not all. */
  readonly window: number | undefined;
}

function readAttention(node: Node): CausalAttention {
  const [query, key, value, mask, pastKey, pastValue] = node.inputs;
  const heads = intAttribute(node.attributes, 'q_num_heads');
  const keyValueHeads = intAttribute(node.attributes, 'kv_num_heads');
  const isCausal = intAttribute(node.attributes, 'is_causal') === 1;
  const window = windowOf(mask);
  if (
    query === undefined ||
    key === undefined ||
    value === undefined ||
    (mask !== undefined && window === undefined) ||
    pastKey === undefined ||
    pastValue === undefined ||
    !isCausal ||
    heads === undefined ||
    keyValueHeads === undefined
  ) {
    throw new Error(`attention node ${node.name} does not have the form that models of quern have`);
  }
  return { inputs: { query, key, value, pastKey, pastValue }, heads, keyValueHeads, window };
}

function windowOf(mask: Value | undefined): number | undefined {
  const producer = mask?.producer;
  const isWindow = producer?.domain === functionDomain && producer.opType === slidingWindowType;
  return isWindow ? intAttribute(producer.attributes, 'window') : undefined;
}

function lowerNode(graph: Graph, node: Node, lengths: Lengths): void {
  const { inputs, heads, keyValueHeads, window } = readAttention(node);
  const rotation = findRotation(node, inputs);
  const { query, key } = rotation ?? inputs;
  const softcap = floatAttribute(node.attributes, 'softcap');
  const outputs = node.outputs.map((output) => {
    if (output === undefined) throw new Error(`attention node ${node.name} has no cache outputs`);
    return output;
  });
  const names = outputs.map(({ name }) => name);
  const lowered = graph.addNode({
    opType: 'GroupQueryAttention',
    domain: contribDomain,
    name: node.name,
    inputs: [
      query,
      key,
      inputs.value,
      inputs.pastKey,
      inputs.pastValue,
      lengths.lastPositions,
      lengths.total,
      ...(rotation === undefined ? [] : [rotation.cosines, rotation.sines]),
      ...(rotation?.positions === undefined ? [] : [rotation.positions]),
    ],
    outputs: outputs.map(({ name }) => graph.uniqueName(name)),
    attributes: {
      num_heads: int(heads),
      kv_num_heads: int(keyValueHeads),
      scale: float(floatAttribute(node.attributes, 'scale') ?? 0),
      ...(rotation === undefined ? {} : { do_rotary: int(1), rotary_interleaved: int(rotation.isInterleaved ? 1 : 0) }),
      ...(softcap === undefined ? {} : { softcap: float(softcap) }),
      ...(window === undefined ? {} : { local_window_size: int(window) }),
    },
    before: node,
  });
  outputs.forEach((output, index) => {
    const replacement = lowered.outputs[index]!;
    replacement.type = output.type;
    graph.replaceAllUses(output, replacement);
  });
  graph.removeNode(node);
  for (const [index, name] of names.entries()) graph.rename(lowered.outputs[index]!, name);
}
