import type { Checkpoint } from '../../checkpoints/checkpoint.js';
import type { LinearLayer } from '../../models/linear-layers.js';
import type { ModelDirectory } from '../../models/model-directory.js';
import { openModelDirectory } from '../../models/model-directory.js';
import type { ScalingGroup } from '../../models/scaling-groups.js';
import type { Engine } from '../../ort/engine.js';
import type { Scheme } from '../../quant/schemes.js';
import { channelNorms, extremesOf, largestOfChannels, scalesOfFeatures } from '../../quant/smoothquant.js';
import type { DatasetParameters } from '../dataset-windows.js';
import type { WorkContext } from '../kind.js';
import { calibrationWindows } from '../layerwise/calibration-windows.js';
import { ResidualStream } from '../layerwise/residual-stream.js';
import type { TensorSpill } from '../layerwise/tensor-spill.js';
import type { AlphaRange } from './alpha-range.js';
import { OutputErrors, type Readers } from './output-errors.js';
import { searchAlpha } from './search-alpha.js';
import { applyScales, groupScales, type SmoothedGroup, smoothGroup, weightOf } from './smooth-group.js';

export interface SearchParameters {
  readonly alpha: AlphaRange;
  readonly scheme: Scheme;
  readonly dataset: DatasetParameters;
}

/** Of groups outside the decoder layers, which the search does not reach. */
const usualAlpha = 0.5;

/**
 * Smooths the groups of a model, one decoder layer after another, each with the strength that leaves the least error in the
 * outputs of its layers when these are quantized. Calls `report` with the number of groups that are done.
 */
export async function smoothSegments(
  { model, directory }: ModelDirectory,
  groups: readonly ScalingGroup[],
  statistics: Checkpoint,
  spill: TensorSpill,
  engine: Engine,
  { alpha: range, scheme, dataset }: SearchParameters,
  { sources, report }: Pick<WorkContext, 'sources' | 'report'>,
): Promise<readonly SmoothedGroup[]> {
  const opened = openModelDirectory(directory);
  const stream = new ResidualStream(engine, opened, await calibrationWindows(dataset, opened, sources));
  const smoothed = new Map<ScalingGroup, SmoothedGroup>();
  for (const segment of stream.segments) {
    const names = new Set(segment.layers.map(({ name }) => name));
    const within = groups.filter(({ layers }) => layers.every(({ name }) => names.has(name)));
    const sources = within.flatMap(({ linear }) => linear ?? []);
    const values = stream.readAndAdvance(
      segment,
      new Set([...within.map(({ layers }) => layers[0]!), ...sources].map(inputName)),
    );
    const readers = (layers: readonly LinearLayer[]): Readers => ({
      layers,
      weights: layers.map(weightOf),
      tokens: values.get(inputName(layers[0]!)) ?? [],
    });
    for (const group of within.toReversed()) {
      const signs = signsOf(group, readers(group.layers), scheme);
      const weights = group.layers.map(weightOf);
      const found = searchAlpha(
        range,
        (alpha) =>
          groupScales(group, weights, statistics, alpha).map((scale, channel) => scale * (signs?.[channel] ?? 1)),
        errorsOf(group, readers, engine, directory, scheme),
      );
      applyScales(model.graph, spill, group, found.scales);
      smoothed.set(group, { group, ...found });
      report({ done: smoothed.size, total: groups.length, unit: 'groups' });
    }
  }
  return groups.map((group) => smoothed.get(group) ?? smoothGroup(model.graph, spill, group, statistics, usualAlpha));
}

/**
 * Signs that give the extremes of all channels the same direction, where activations have a zero point: the range that their
 * codes have to reach is then almost half as long.
 */
function signsOf(
  { sharedChannels, maySwitchSign }: ScalingGroup,
  { weights, tokens }: Readers,
  { activations }: Scheme,
): Float32Array | undefined {
  if (!maySwitchSign || !('symmetric' in activations) || activations.symmetric) return undefined;
  const features = weights[0]!.rows;
  const extremes = joinedExtremes(tokens.map(({ data }) => extremesOf(data, features)));
  return largestOfChannels(extremes, sharedChannels).map((extreme) => (extreme < 0 ? -1 : 1));
}

function joinedExtremes(windows: readonly Float32Array[]): Float32Array {
  const features = windows[0]?.length ?? 0;
  return extremesOf(Float32Array.from(windows.flatMap((window) => [...window])), features);
}

/**
 * The error of the layers of a group for scales of its channels. Of a linear layer in front its own error is added, in which
 * a channel counts by what the layers make of it.
 */
function errorsOf(
  { layers, linear, sharedChannels }: ScalingGroup,
  readers: (layers: readonly LinearLayer[]) => Readers,
  engine: Engine,
  directory: string,
  scheme: Scheme,
): (scales: Float32Array) => number {
  const behind = new OutputErrors(engine, directory, readers(layers));
  const errorBehind = (scales: Float32Array): number =>
    behind.of({ rows: scalesOfFeatures(scales, sharedChannels) }, scheme);
  if (linear === undefined) return errorBehind;
  const importance = channelNorms(layers.map(weightOf), sharedChannels);
  const before = new OutputErrors(engine, directory, readers([linear]), importance);
  return (scales) => {
    const columns = scales.map((scale, channel) => scale * importance[channel]!);
    return errorBehind(scales) + before.of({ columns }, scheme);
  };
}

function inputName({ input }: LinearLayer): string {
  return input.name;
}
