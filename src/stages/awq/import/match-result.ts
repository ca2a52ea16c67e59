import type { CheckpointTensor } from '../../../checkpoints/checkpoint.js';
import type { LlmAwqResult } from '../../../checkpoints/llm-awq.js';
import { readTensorFloat32 } from '../../../checkpoints/tensor-data.js';
import { QuernError } from '../../../errors.js';
import type { LinearLayer } from '../../../models/linear-layers.js';
import type { ScalingGroup } from '../../../models/scaling-groups.js';

/** What is done to a linear layer, in this order. */
export interface LayerChange {
  /** Factors of its output features, reciprocal: float32 [output features]. */
  columnDivisors?: Float32Array;
  /** Factors of its input features: float32 [input features]. */
  rowFactors?: Float32Array;
  /** Bounds of its groups: float32 [output features, groups]. */
  bounds?: Float32Array;
}

export interface MatchedResult {
  /** By the name of the layer. */
  readonly changes: ReadonlyMap<string, LayerChange>;
  readonly groups: readonly { readonly group: ScalingGroup; readonly scales: Float32Array }[];
}

/**
 * Finds the groups and layers of a model that a result is about.
 * @throws QuernError (`input`) about the first that the model does not have so, or whose numbers can't be
 */
export function matchResult(
  { scales, clip }: LlmAwqResult,
  groups: readonly ScalingGroup[],
  layers: readonly LinearLayer[],
): MatchedResult {
  const changes = new Map<string, LayerChange>(layers.map(({ name }) => [name, {}]));
  const known = new Map(layers.map((layer) => [layer.name, layer]));
  const matched = scales.map(({ source, layers: names, scales: tensor }) => {
    const group = groups.find((each) => each.source === source && sameNames(each.layers, names));
    if (group === undefined) {
      throw new QuernError('input', `the result scales ${names.join(', ')} behind ${source}, which the model can't`, {
        suggestion: 'it belongs to another model; quern inspect lists the layers of this one',
      });
    }
    const values = positiveValues(tensor, group.layers[0]!.inputFeatures);
    for (const name of names) once(changes.get(name)!, 'rowFactors', values, name);
    if (group.linear !== undefined) once(changes.get(group.linear.name)!, 'columnDivisors', values, source);
    return { group, scales: values };
  });
  for (const { layer: name, bounds } of clip) {
    const layer = known.get(name);
    if (layer === undefined) {
      throw new QuernError('input', `the result clips ${name}, which is no linear layer of the model`, {
        suggestion: 'it belongs to another model; quern inspect lists the layers of this one',
      });
    }
    once(changes.get(name)!, 'bounds', boundsOf(bounds, layer), name);
  }
  return { changes, groups: matched };
}

function sameNames(layers: readonly LinearLayer[], names: readonly string[]): boolean {
  const found = new Set(names);
  return found.size === layers.length && names.length === layers.length && layers.every(({ name }) => found.has(name));
}

function once<Key extends keyof LayerChange>(
  change: LayerChange,
  key: Key,
  value: NonNullable<LayerChange[Key]>,
  name: string,
): void {
  if (change[key] !== undefined) throw new QuernError('input', `the result changes ${name} twice`);
  change[key] = value;
}

function positiveValues(tensor: CheckpointTensor, count: number): Float32Array {
  const values = readTensorFloat32(tensor);
  if (values.length === count && values.every((value) => value > 0)) return values;
  throw new QuernError(
    'input',
    values.length === count
      ? `${tensor.name} has factors that are not positive`
      : `${tensor.name} has ${values.length} factors for ${count} channels`,
  );
}

/** Bounds [output features, groups, 1] of groups that are equally large. */
function boundsOf(tensor: CheckpointTensor, { inputFeatures, outputFeatures }: LinearLayer): Float32Array {
  const [rows, groups = 0, ...rest] = tensor.dims;
  const fits =
    rows === outputFeatures && groups > 0 && inputFeatures % groups === 0 && rest.every((size) => size === 1);
  if (!fits) {
    const expected = `[${outputFeatures}, groups, 1] with groups of ${inputFeatures} features`;
    throw new QuernError('input', `${tensor.name} is [${tensor.dims.join(', ')}], not ${expected}`);
  }
  const bounds = readTensorFloat32(tensor);
  if (bounds.every((bound) => bound >= 0)) return bounds;
  throw new QuernError('input', `${tensor.name} has negative bounds`);
}
