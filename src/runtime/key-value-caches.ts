import { QuernError } from '../errors.js';
import type { ModelInfo } from '../models/architecture.js';
import type { Graph } from '../onnx/ir.js';
import type { Node, Value } from '../onnx/node.js';
import type { TensorData } from '../ort/tensor-data.js';
import { zeros } from '../ort/tensor-data.js';
import { maskInput, tokensInput } from './graph-interface.js';

/** Inputs of GroupQueryAttention that are caches, and the outputs that are the same caches with the new tokens. */
const cachePorts = [
  { past: 3, present: 1 },
  { past: 4, present: 2 },
] as const;

/** A cache of an attention: a graph input, and the output of the node that is the input with the new tokens behind it. */
export interface CachePort {
  readonly past: string;
  readonly present: string;
}

/**
 * The caches of a decoder graph.
 * @throws QuernError (`input`) if something else than GroupQueryAttention reads a cache: it would see the whole capacity
 */
export function findCachePorts(graph: Graph): readonly CachePort[] {
  return graph.inputs
    .filter(({ name }) => name !== tokensInput && name !== maskInput)
    .map((past) => ({ past: past.name, present: presentOf(past).name }));
}

/** By the names of `past` and of `present`, one buffer for both: float32 [1, key-value heads, capacity, head size]. */
export function allocateCaches(
  ports: readonly CachePort[],
  info: ModelInfo,
  capacity: number,
): ReadonlyMap<string, TensorData> {
  const caches = new Map<string, TensorData>();
  for (const { past, present } of ports) {
    const buffer = zeros('float32', [1, info.keyValueHeads, capacity, info.headSize]);
    caches.set(past, buffer).set(present, buffer);
  }
  return caches;
}

function presentOf(past: Value): Value {
  const [use, ...others] = past.uses;
  if (use !== undefined && others.length === 0 && isGroupQueryAttention(use.node)) {
    const port = cachePorts.find((candidate) => candidate.past === use.index);
    const present = port === undefined ? undefined : use.node.outputs[port.present];
    if (present !== undefined) return present;
  }
  throw new QuernError('input', `input ${past.name} of the model is not a cache of a GroupQueryAttention node`, {
    suggestion: 'export the model with `attention: gqa`',
  });
}

function isGroupQueryAttention({ domain, opType }: Node): boolean {
  return domain === 'com.microsoft' && opType === 'GroupQueryAttention';
}
