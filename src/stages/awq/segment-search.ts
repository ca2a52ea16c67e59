import type { LinearLayer } from '../../models/linear-layers.js';
import type { ScalingGroup } from '../../models/scaling-groups.js';
import { scaleColumnsKernel, scaleRowsKernel } from '../../numerics/kernels/arithmetic.js';
import { float32Of } from '../../onnx/tensor.js';
import { searchClip, searchScales } from '../../quant/awq.js';
import { type GroupOptions, pseudoQuantizeGroups } from '../../quant/groups.js';
import { type Matrix, matrix } from '../../quant/matrix.js';
import type { MatrixProducts } from '../layerwise/matrix-products.js';
import { squaresOf } from '../layerwise/moment-squares.js';
import { type OutputError, outputErrorOf } from '../layerwise/output-error.js';
import type { InputStatistics } from '../layerwise/residual-stream.js';

export interface SearchOptions {
  readonly weights: GroupOptions;
  readonly grid: number;
  readonly clip: boolean;
}

/** Scales that were found for a group. */
export interface ScaledGroup {
  readonly group: ScalingGroup;
  readonly scales: Float32Array;
  readonly ratio: number;
  /** Squared error of the outputs with the scales, over that without. */
  readonly relativeLoss: number;
}

/** The weight that a layer gets. */
export interface ChangedLayer {
  readonly layer: LinearLayer;
  readonly weight: Matrix;
  /** Share of its groups that were clipped, if they were tried. */
  readonly clippedShare: number | undefined;
  /** What rounding it to its groups will do to the output of the layer, compared with that of the weight it had. */
  readonly outputError: OutputError;
}

/** What layers make attention scores of: clipping them changes which tokens are attended to (llm-awq, `auto_clip.py`). */
const neverClipped = ['q_', 'k_', 'query', 'key', 'Wqkv'];

/** Finds the scales of the groups of one decoder layer, each with the weights as they are. */
export function scaleGroups(
  groups: readonly ScalingGroup[],
  statistics: ReadonlyMap<string, InputStatistics>,
  options: SearchOptions,
  products: MatrixProducts,
): readonly ScaledGroup[] {
  return groups.map((group) => {
    const { gram, absmean } = requireStatistics(statistics, group.layers[0]!);
    const weights = group.layers.map(weightOf);
    const { scales, ratio, losses } = searchScales(
      weights,
      absmean,
      gram,
      options.weights,
      options.grid,
      products.weighted,
    );
    const [before] = losses;
    return { group, scales, ratio, relativeLoss: before === 0 ? 1 : Math.min(...losses) / before! };
  });
}

/** Applies the scales to the layers they concern and clips what comes out. */
export function* changeLayers(
  layers: readonly LinearLayer[],
  scaled: readonly ScaledGroup[],
  statistics: ReadonlyMap<string, InputStatistics>,
  options: SearchOptions,
  products: MatrixProducts,
): Generator<ChangedLayer> {
  for (const layer of layers) {
    const rows = scaled.find(({ group }) => group.layers.some(({ name }) => name === layer.name))?.scales;
    const columns = scaled.find(({ group }) => group.linear?.name === layer.name)?.scales;
    const { gram } = requireStatistics(statistics, layer);
    const original = weightOf(layer);
    let weight = original;
    if (rows !== undefined) weight = withValues(weight, scaleRowsKernel(weight, rows));
    if (columns !== undefined) weight = withValues(weight, scaleColumnsKernel(weight, reciprocals(columns)));
    const clip =
      options.clip && !isScore(layer) ? searchClip(weight, gram, options.weights, products.weighted, rows) : undefined;
    if (clip !== undefined) weight = clip.weight;
    const rounded = unscaled(pseudoQuantizeGroups(weight, options.weights), rows, columns);
    const outputError = outputErrorOf(squaresOf(original, rounded, gram, products));
    yield { layer, weight, clippedShare: clip?.clippedShare, outputError };
  }
}

/** A weight without the scales of its channels, in place. */
function unscaled(weight: Matrix, rows: Float32Array | undefined, columns: Float32Array | undefined): Matrix {
  const { values } = weight;
  for (let row = 0, index = 0; row < weight.rows; row++) {
    const divisor = rows?.[row] ?? 1;
    for (let column = 0; column < weight.columns; column++, index++) {
      values[index] = (values[index]! * (columns?.[column] ?? 1)) / divisor;
    }
  }
  return weight;
}

export function reciprocals(scales: Float32Array): Float32Array {
  return scales.map((scale) => 1 / scale);
}

function isScore({ name }: LinearLayer): boolean {
  const module = name.slice(name.lastIndexOf('.') + 1);
  return neverClipped.some((part) => module.includes(part));
}

function weightOf({ tensor, inputFeatures, outputFeatures }: LinearLayer): Matrix {
  return matrix(float32Of(tensor), inputFeatures, outputFeatures);
}

function withValues({ rows, columns }: Matrix, values: Float32Array): Matrix {
  return matrix(values, rows, columns);
}

function requireStatistics(
  statistics: ReadonlyMap<string, InputStatistics>,
  { name, input }: LinearLayer,
): InputStatistics {
  const found = statistics.get(input.name);
  if (found === undefined) throw new Error(`the input of ${name} was not measured`);
  return found;
}
