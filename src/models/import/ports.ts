import { QuernError } from '../../errors.js';
import type { Graph } from '../../onnx/ir.js';
import type { Value } from '../../onnx/node.js';

/** A cache of a decoder layer: the input with the keys or values of earlier tokens, and the output with the new ones behind. */
export interface CachePort {
  readonly layer: number;
  readonly kind: 'key' | 'value';
  readonly past: Value;
  readonly present: Value;
}

/** What the inputs and outputs of an exported decoder are. */
export interface DecoderPorts {
  /** int64 [batch, sequence] */
  readonly tokens: Value;
  /** int64 [batch, past and new tokens] */
  readonly mask: Value | undefined;
  /** int64 [batch, sequence] */
  readonly positions: Value | undefined;
  /** float [batch, sequence, vocabulary] */
  readonly logits: Value;
  /** Empty for a graph that reads a whole text at once. */
  readonly caches: readonly CachePort[];
}

/**
 * Recognises the inputs and outputs of a decoder by their names and shapes.
 * @throws QuernError (`input`) that names what is missing or is not understood
 */
export function findPorts(graph: Graph): DecoderPorts {
  const inputs = graph.inputs.filter(({ initializer }) => initializer === undefined);
  const named = (name: string): Value | undefined => inputs.find((input) => input.name === name);
  const tokens = named('input_ids');
  const logits = graph.outputs.find(({ name }) => name === 'logits');
  if (tokens === undefined || logits === undefined) {
    throw refused(graph, `has no ${tokens === undefined ? 'input input_ids' : 'output logits'}`);
  }
  const mask = named('attention_mask');
  const positions = named('position_ids');
  for (const input of [tokens, mask, positions]) requireIntegers(graph, input);
  const rest = inputs.filter((input) => input !== tokens && input !== mask && input !== positions);
  return { tokens, mask, positions, logits, caches: rest.map((input) => cacheOf(graph, input)) };
}

function requireIntegers(graph: Graph, input: Value | undefined): void {
  const type = input?.type;
  if (input === undefined || (type?.dataType === 'int64' && type.shape?.length === 2)) return;
  throw refused(graph, `has an input ${input.name} that is not int64 with two dimensions`);
}

function cacheOf(graph: Graph, past: Value): CachePort {
  const name = readCacheName(past.name);
  const isCache = past.type?.dataType.includes('float') && past.type.shape?.length === 4;
  if (name === undefined || isCache !== true) {
    throw refused(
      graph,
      `has an input ${past.name} whose meaning is not known`,
      'a cache is float [batch, heads, tokens, head size] and has a name like past_key_values.0.key',
    );
  }
  const present = graph.outputs.find((output) => {
    const other = readCacheName(output.name);
    return other !== undefined && other.layer === name.layer && other.kind === name.kind;
  });
  if (present === undefined) throw refused(graph, `has no output for the cache ${past.name}`);
  return { ...name, past, present };
}

/** Names as of optimum and onnxruntime-genai (`past_key_values.0.key`, `present.0.key`) and others (`past_key_0`). */
function readCacheName(name: string): Pick<CachePort, 'layer' | 'kind'> | undefined {
  const match = /^(?:past|present)(.*)$/.exec(name);
  const rest = match?.[1]?.replace(/^_key_values?/, '');
  const layer = rest === undefined ? null : /\d+/.exec(rest);
  const kind = rest === undefined ? null : /key|value/.exec(rest);
  if (layer === null || kind === null || /\d+.*\D\d/.test(rest ?? '')) return undefined;
  return { layer: Number(layer[0]), kind: kind[0] === 'key' ? 'key' : 'value' };
}

function refused(graph: Graph, problem: string, suggestion?: string): QuernError {
  const inputs = graph.inputs
    .map(({ name }) => name)
    .slice(0, 8)
    .join(', ');
  return new QuernError('input', `the graph ${problem}; its inputs are ${inputs}`, {
    suggestion: suggestion ?? 'export it as a text generation model, for example with optimum',
  });
}
