import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { writeSafetensors } from '../../checkpoints/safetensors-writer.js';
import { QuernError } from '../../errors.js';
import type { JsonObject } from '../../json.js';
import type { ModelDirectory } from '../../models/model-directory.js';
import { companionsOf, openModelDirectory, writeModelDirectory } from '../../models/model-directory.js';
import type { ScalingGroup } from '../../models/scaling-groups.js';
import { openEngine } from '../../ort/open-engine.js';
import { openAbsmax } from '../calibrate/activation-absmax.js';
import type { WorkContext, WorkResult } from '../kind.js';
import { rounded } from '../layerwise/rounded.js';
import { TensorSpill } from '../layerwise/tensor-spill.js';
import { equivalenceError } from './equivalence.js';
import type { GroupChoice } from './groups.js';
import { chooseGroups } from './groups.js';
import { type SmoothedGroup, smoothGroup } from './smooth-group.js';
import { type SearchParameters, smoothSegments } from './smooth-segments.js';
import { splitGroup } from './split-group.js';

export type SmoothquantParameters = {
  readonly groups: GroupChoice;
  /** How far above the others a channel between linear layers has to be to become several; never when left out. */
  readonly split?: number;
} & ({ readonly alpha: number } | SearchParameters);

/** Largest relative difference of logits that still counts as the same function. */
const equivalenceLimit = 1e-4;

/**
 * Divides what a norm, or a linear layer, makes by a scale per channel and multiplies the weights behind it by the same,
 * which leaves the function as it is and moves outliers of the activations into the weights (Xiao et al. 2022, arXiv
 * 2211.10438).
 */
export async function smoothquant(context: WorkContext<SmoothquantParameters>): Promise<WorkResult> {
  const directory = context.inputs.model!;
  const opened = openModelDirectory(directory);
  const { model, info } = opened;
  const { groups, refused } = chooseGroups(model.graph, context.parameters.groups);
  const spill = new TensorSpill(context);
  const smoothed = splitAll(context, opened, await smoothAll(context, opened, groups, spill), spill);
  writeModelDirectory(model, context.outputDirectory, {
    layout: 'per-tensor',
    info,
    companions: companionsOf(directory),
  });
  spill.remove();
  writeScales(context.outputDirectory, smoothed);
  const table = { format: 1, groups: smoothed.map(groupAccount), refused };
  writeFileSync(join(context.outputDirectory, 'smoothing.json'), `${JSON.stringify(table, null, 2)}\n`);
  const error = await equivalenceError(directory, context.outputDirectory, context.threads);
  if (!(error <= equivalenceLimit)) throw notEquivalent(error);
  return {
    metrics: {
      groups: groups.length,
      refused: refused.length,
      ...strengthOf(smoothed),
      ...copiesAdded(smoothed),
      equivalenceError: error,
    },
  };
}

async function smoothAll(
  context: WorkContext<SmoothquantParameters>,
  opened: ModelDirectory,
  groups: readonly ScalingGroup[],
  spill: TensorSpill,
): Promise<readonly SmoothedGroup[]> {
  const { parameters, inputs, threads, report } = context;
  const statistics = openAbsmax(inputs.stats!);
  if ('dataset' in parameters) {
    const engine = await openEngine({ threads });
    const smoothed = await smoothSegments(opened, groups, statistics, spill, engine, parameters, context);
    engine.close();
    return smoothed;
  }
  // From the end: a layer has its columns scaled before its rows, by the weight it will have.
  const smoothed = groups.toReversed().map((group, index) => {
    report({ done: index + 1, total: groups.length, unit: 'groups' });
    return smoothGroup(opened.model.graph, spill, group, statistics, parameters.alpha);
  });
  return smoothed.toReversed();
}

function splitAll(
  { parameters: { split: above }, inputs }: WorkContext<SmoothquantParameters>,
  { model }: ModelDirectory,
  smoothed: readonly SmoothedGroup[],
  spill: TensorSpill,
): readonly SmoothedGroup[] {
  if (above === undefined) return smoothed;
  const statistics = openAbsmax(inputs.stats!);
  return smoothed.map((group) => ({ ...group, split: splitGroup(model.graph, spill, group, statistics, above) }));
}

/** How many channels layers have more than before, where channels are split. */
function copiesAdded(smoothed: readonly SmoothedGroup[]): JsonObject {
  if (smoothed.every(({ split }) => split === undefined)) return {};
  const split = smoothed.flatMap((group) => group.split ?? []);
  return { addedChannels: split.reduce((sum, { copies }) => sum + copies - 1, 0) };
}

/** The strength, or the smallest and the largest where groups have their own. */
function strengthOf(smoothed: readonly SmoothedGroup[]): JsonObject {
  const alphas = smoothed.map(({ alpha }) => alpha);
  const [smallestAlpha, largestAlpha] = [Math.min(...alphas), Math.max(...alphas)];
  return smallestAlpha === largestAlpha ? { alpha: smallestAlpha } : { smallestAlpha, largestAlpha };
}

function groupAccount({ group, alpha, error, largestError, split = [] }: SmoothedGroup): JsonObject {
  const layers = group.layers.map(({ name }) => name);
  const account = { source: group.source, layers, alpha, ...(split.length > 0 && { split: [...split] }) };
  if (error === undefined || largestError === undefined) return account;
  return { ...account, error: rounded(error), largestError: rounded(largestError) };
}

function writeScales(directory: string, smoothed: readonly SmoothedGroup[]): void {
  const tensors = smoothed.map(({ group, scales }) => ({
    name: group.source,
    dataType: 'float32' as const,
    dims: [scales.length],
    data: scales,
  }));
  writeSafetensors(join(directory, 'smoothing.safetensors'), tensors);
}

function notEquivalent(error: number): QuernError {
  return new QuernError(
    'stage',
    `the smoothed model is not the same function: its logits differ by ${error.toExponential(1)} of the largest`,
    {
      suggestion: `at most ${equivalenceLimit} is accepted; leave out groups whose activations have extreme outliers, or lower alpha`,
    },
  );
}
