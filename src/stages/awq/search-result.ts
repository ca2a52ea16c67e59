import { join } from 'node:path';
import type { JsonObject } from '../../json.js';
import { isJsonObject } from '../../json.js';
import type { Tensor } from '../../onnx/tensor.js';
import { tensorFromFloat32 } from '../../onnx/tensor.js';
import { LayerResultWriter, readLayerResult } from '../layerwise/layer-result.js';
import { rounded } from '../layerwise/rounded.js';
import { changedWeight, scaledVectors } from './apply-search.js';
import type { ChangedLayer, ScaledGroup } from './segment-search.js';

/** What the search in one decoder layer has found. */
export interface SearchResult {
  /** New tensors for initializers of the model. */
  readonly changed: ReadonlyMap<string, Tensor>;
  /** The scales of each group, by the module that makes its channels. */
  readonly scales: ReadonlyMap<string, Tensor>;
  /** What `search.json` says of each group, and of each linear layer that was clipped. */
  readonly groups: readonly JsonObject[];
  readonly clip: readonly JsonObject[];
  /** And of each linear layer what rounding it will do to its output. */
  readonly layers: readonly JsonObject[];
}

/** Keeps what was found in a directory. Weights are let go as they come. */
export function writeSearch(directory: string, scaled: readonly ScaledGroup[], layers: Iterable<ChangedLayer>): void {
  const changed = new LayerResultWriter(join(directory, 'changed'));
  const clip: JsonObject[] = [];
  const errors: JsonObject[] = [];
  for (const each of layers) {
    changed.add(...changedWeight(each));
    const { layer, clippedShare, outputError } = each;
    errors.push({ name: layer.name, ...outputError });
    if (clippedShare !== undefined) clip.push({ name: layer.name, clippedShare: rounded(clippedShare) });
  }
  for (const vector of scaled.flatMap(scaledVectors)) changed.add(...vector);
  changed.end({ clip, layers: errors });
  const scales = new LayerResultWriter(join(directory, 'scales'));
  for (const { group, scales: found } of scaled) scales.add(group.source, tensorFromFloat32([found.length], found));
  scales.end({ groups: scaled.map(groupAccount) });
}

export function readSearch(directory: string): SearchResult {
  const changed = readLayerResult(join(directory, 'changed'));
  const scales = readLayerResult(join(directory, 'scales'));
  return {
    changed: changed.tensors,
    scales: scales.tensors,
    groups: objectsIn(scales.facts.groups),
    clip: objectsIn(changed.facts.clip),
    layers: objectsIn(changed.facts.layers),
  };
}

function objectsIn(value: unknown): readonly JsonObject[] {
  if (!Array.isArray(value)) throw new Error('the result of a search has no lists');
  return value.filter(isJsonObject);
}

function groupAccount({ group, ratio, relativeLoss }: ScaledGroup): JsonObject {
  const layers = group.layers.map(({ name }) => name);
  return { source: group.source, layers, ratio, relativeLoss: rounded(relativeLoss) };
}
