import type { ModelInfo } from '../models/architecture.js';
import { findLinearLayers, type LinearLayer } from '../models/linear-layers.js';
import { findQuantizedLayers, type QuantizedLayer } from '../models/quantized-layers.js';
import { findScalingGroups } from '../models/scaling-groups.js';
import { findSegments } from '../models/segments.js';
import type { Graph } from '../onnx/ir.js';
import type { Node } from '../onnx/node.js';
import { attempt } from './attempt.js';
import { type LayerErrors, unknownErrors } from './layer-errors.js';
import { openModel, type TensorSummary } from './open-model.js';

/** One entry of `linearLayers` of `quern inspect --json`. */
export interface LinearLayerReport {
  readonly name: string;
  readonly inputFeatures: number;
  readonly outputFeatures: number;
  /** Null outside the decoder layers. */
  readonly decoderLayer: number | null;
}

/** One entry of `quantizedLayers` of `quern inspect --json`. */
export type QuantizedLayerReport = QuantizedLayer & LayerErrors;

/** One entry of `smoothingGroups` of `quern inspect --json`. */
export interface SmoothingGroupReport {
  /** The norm or linear layer that makes the channels. */
  readonly source: string;
  readonly extended: boolean;
  readonly layers: readonly string[];
}

/** What a stage would find in the structure of a model. */
export interface StructureReport {
  readonly operators: readonly { readonly type: string; readonly count: number }[];
  /** Those with float weights: what SmoothQuant, AWQ, GPTQ and quantize work on. */
  readonly linearLayers: readonly LinearLayerReport[];
  readonly quantizedLayers: readonly QuantizedLayerReport[];
  /** Groups of SmoothQuant behind norms, and those behind linear layers that `groups: extended` has besides. */
  readonly smoothingGroups: readonly SmoothingGroupReport[];
  /** Norms and linear layers without a group. */
  readonly notSmoothed: readonly { readonly name: string; readonly reason: string }[];
  /** Decoder layers with float weights that can be worked on one at a time. */
  readonly segments: number;
}

/** `quern inspect --json`: a model before anything is built from it. */
export interface ModelReport {
  readonly path: string;
  /** Elements of all tensors. Packed weights of a quantized model count as they are stored. */
  readonly elements: number;
  readonly bytes: number;
  readonly tensors: readonly TensorSummary[];
  /** Files, or the part of a GGUF file, that a tokenizer is made from; null when there are none. */
  readonly tokenizer: string | null;
  /** Null when the architecture is not supported. */
  readonly model: ModelInfo | null;
  readonly structure: StructureReport | null;
  /** What quern can't do with the model, and why. */
  readonly unsupported: readonly string[];
}

/**
 * Looks at a checkpoint, a GGUF file, a model that quern wrote, or an exported graph. Reads no weights but those of a graph,
 * which is run on a few tokens.
 * @throws QuernError (`input`) for what can't be read
 */
export async function inspectModel(path: string): Promise<ModelReport> {
  const { tensors, tokenizer, model, info, errors, unsupported } = await openModel(path);
  const segments = model === undefined ? undefined : attempt(() => findSegments(model.graph).length);
  const segmentCount = segments !== undefined && 'value' in segments ? segments.value : 0;
  const reasons = [...unsupported];
  if (segments !== undefined && 'reason' in segments) reasons.push(segments.reason);
  if (info !== undefined && tokenizer === null) {
    reasons.push("there is no tokenizer, so text can't be turned into tokens");
  }
  return {
    path,
    elements: tensors.reduce((sum, { elements }) => sum + elements, 0),
    bytes: tensors.reduce((sum, { bytes }) => sum + bytes, 0),
    tensors,
    tokenizer,
    model: info ?? null,
    structure: model === undefined ? null : structureOf(model.graph, segmentCount, errors),
    unsupported: reasons,
  };
}

function structureOf(
  graph: Graph,
  segments: number,
  errors: ReadonlyMap<string, LayerErrors> = new Map(),
): StructureReport {
  const { groups, refused } = findScalingGroups(graph);
  return {
    operators: countOperators(graph.nodes),
    linearLayers: findLinearLayers(graph).map(linearLayerReport),
    quantizedLayers: findQuantizedLayers(graph).map((layer) => ({
      ...layer,
      ...(errors.get(layer.name) ?? unknownErrors),
    })),
    smoothingGroups: groups.map(({ source, linear, layers }) => ({
      source,
      extended: linear !== undefined,
      layers: layers.map(({ name }) => name),
    })),
    notSmoothed: refused.map(({ name, reason }) => ({ name, reason })),
    segments,
  };
}

function linearLayerReport({ name, inputFeatures, outputFeatures, decoderLayer }: LinearLayer): LinearLayerReport {
  return { name, inputFeatures, outputFeatures, decoderLayer: decoderLayer ?? null };
}

/** The most frequent first. */
function countOperators(nodes: readonly Node[]): StructureReport['operators'] {
  const counts = new Map<string, number>();
  for (const { domain, opType } of nodes) {
    const type = domain === '' ? opType : `${domain}.${opType}`;
    counts.set(type, (counts.get(type) ?? 0) + 1);
  }
  return [...counts]
    .map(([type, count]) => ({ type, count }))
    .sort((a, b) => b.count - a.count || (a.type < b.type ? -1 : 1));
}
