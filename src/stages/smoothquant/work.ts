import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { openSafetensors } from '../../checkpoints/safetensors.js';
import { writeSafetensors } from '../../checkpoints/safetensors-writer.js';
import { QuernError } from '../../errors.js';
import type { JsonObject } from '../../json.js';
import { companionsOf, openModelDirectory, writeModelDirectory } from '../../models/model-directory.js';
import type { ScalingGroup } from '../../models/scaling-groups.js';
import type { WorkContext, WorkResult } from '../kind.js';
import { TensorSpill } from '../layerwise/tensor-spill.js';
import { equivalenceError } from './equivalence.js';
import type { GroupChoice } from './groups.js';
import { chooseGroups } from './groups.js';
import { applyScales, groupScales, weightOf } from './smooth-group.js';

export interface SmoothquantParameters {
  readonly alpha: number;
  readonly groups: GroupChoice;
}

/** Largest relative difference of logits that still counts as the same function. */
const equivalenceLimit = 1e-4;

interface SmoothedGroup {
  readonly group: ScalingGroup;
  readonly alpha: number;
  /** float32 [channels of the source] */
  readonly scales: Float32Array;
}

/**
 * Divides what a norm, or a linear layer, makes by a scale per channel and multiplies the weights behind it by the same,
 * which leaves the function as it is and moves outliers of the activations into the weights (Xiao et al. 2022, arXiv
 * 2211.10438).
 */
export async function smoothquant(context: WorkContext<SmoothquantParameters>): Promise<WorkResult> {
  const { alpha, groups: choice } = context.parameters;
  const directory = context.inputs.model!;
  const { model, info } = openModelDirectory(directory);
  const { groups, refused } = chooseGroups(model.graph, choice);
  const statistics = openSafetensors(join(context.inputs.stats!, 'absmax.safetensors'));
  const spill = new TensorSpill(context.outputDirectory);
  // From the end: a layer has its columns scaled before its rows, by the weight it will have.
  const smoothed = groups
    .toReversed()
    .map((group, index): SmoothedGroup => {
      const scales = groupScales(group, group.layers.map(weightOf), statistics, alpha);
      applyScales(model.graph, spill, group, scales);
      context.report({ done: index + 1, total: groups.length, unit: 'groups' });
      return { group, alpha, scales };
    })
    .toReversed();
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
  return { metrics: { groups: groups.length, refused: refused.length, alpha, equivalenceError: error } };
}

function groupAccount({ group, alpha }: SmoothedGroup): JsonObject {
  return { source: group.source, layers: group.layers.map(({ name }) => name), alpha };
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
