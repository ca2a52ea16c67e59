import type { ConfigReader } from '../checkpoints/config-reader.js';
import { QuernError } from '../errors.js';
import type { Graph } from '../onnx/ir.js';
import type { ModelInfo } from './architecture.js';
import { sizeLimits } from './size-limits.js';

/** Reads what is known of a model from the description that was written with it, which is not believed unchecked. */
export function readModelInfo(fields: ConfigReader): ModelInfo {
  const size = (name: keyof typeof sizeLimits): number => fields.integer(name, { min: 1, max: sizeLimits[name] });
  const vocabularySize = size('vocabularySize');
  const token = { min: 0, max: vocabularySize - 1 };
  const heads = size('heads');
  const keyValueHeads = fields.integer('keyValueHeads', { min: 1, max: heads });
  if (heads % keyValueHeads !== 0) {
    throw fields.error('keyValueHeads', `(${keyValueHeads}) must divide heads (${heads})`);
  }
  return {
    architecture: fields.string('architecture'),
    vocabularySize,
    hiddenSize: size('hiddenSize'),
    layers: size('layers'),
    heads,
    keyValueHeads,
    headSize: size('headSize'),
    maximumPositions: size('maximumPositions'),
    ...(fields.has('slidingWindow') ? { slidingWindow: fields.integer('slidingWindow', { min: 1 }) } : {}),
    ...(fields.has('bosTokenId') ? { bosTokenId: fields.integer('bosTokenId', token) } : {}),
    ...(fields.has('eosTokenIds') ? { eosTokenIds: fields.integers('eosTokenIds', token) } : {}),
  };
}

const cachePrefix = 'past_key_values.';

/**
 * Checks that the caches of a graph are those that its description speaks of: memory is allocated by the one and read by
 * the other. `directory` is for the message.
 * @throws QuernError (`input`)
 */
export function checkCaches(graph: Graph, info: ModelInfo, directory: string): void {
  const caches = graph.inputs.filter(({ name }) => name.startsWith(cachePrefix));
  const expected = [info.keyValueHeads, info.headSize];
  const wrong = caches.find(({ type }) => {
    const shape = type?.shape;
    const sizes = [shape?.[1], shape?.[3]];
    return shape !== undefined && sizes.some((size, index) => typeof size === 'number' && size !== expected[index]);
  });
  if (caches.length === 2 * info.layers && wrong === undefined) return;
  const found =
    wrong === undefined
      ? `${caches.length} caches; the ${info.layers} layers of quern.json have ${2 * info.layers}`
      : `a cache ${wrong.name} of shape [${wrong.type?.shape?.join(', ')}]; quern.json says key-value heads ${info.keyValueHeads}, head size ${info.headSize}`;
  throw new QuernError('input', `${directory}: model.onnx has ${found}`, {
    suggestion: 'the two files belong together: build or export the model again',
  });
}
