import { join } from 'node:path';
import type { Checkpoint } from '../../checkpoints/checkpoint.js';
import { openSafetensors } from '../../checkpoints/safetensors.js';
import { writeSafetensors } from '../../checkpoints/safetensors-writer.js';
import { readTensorFloat32 } from '../../checkpoints/tensor-data.js';
import { QuernError } from '../../errors.js';
import { companionsOf, openModelDirectory, writeModelDirectory } from '../../models/model-directory.js';
import type { SmoothingGroup } from '../../models/smoothing-groups.js';
import type { Graph } from '../../onnx/ir.js';
import type { Value } from '../../onnx/node.js';
import { float32Of, tensorFromFloat32 } from '../../onnx/tensor.js';
import { matrix } from '../../quant/matrix.js';
import { smoothingScales, smoothNorm, smoothWeight } from '../../quant/smoothquant.js';
import type { WorkContext, WorkResult } from '../kind.js';
import { equivalenceError } from './equivalence.js';
import type { GroupOverride } from './groups.js';
import { chooseGroups } from './groups.js';

export interface SmoothquantParameters {
  readonly alpha: number;
  readonly groups?: readonly GroupOverride[];
}

/** Largest relative difference of logits that still counts as the same function. */
const equivalenceLimit = 1e-4;

/**
 * Divides the output of each norm by a scale per channel and multiplies the weights behind it by the same, which leaves
 * the function as it is and moves outliers of the activations into the weights (Xiao et al. 2022, arXiv 2211.10438).
 */
export async function smoothquant(context: WorkContext<SmoothquantParameters>): Promise<WorkResult> {
  const { alpha, groups: overrides } = context.parameters;
  const directory = context.inputs.model!;
  const { model, info } = openModelDirectory(directory);
  const groups = chooseGroups(model.graph, overrides);
  const statistics = openSafetensors(join(context.inputs.stats!, 'absmax.safetensors'));
  const scales = groups.map((group, index) => {
    const groupScales = smoothGroup(model.graph, group, statistics, alpha);
    context.report({ done: index + 1, total: groups.length, unit: 'groups' });
    return { name: group.norm.name, dataType: 'float32' as const, dims: [groupScales.length], data: groupScales };
  });
  writeModelDirectory(model, context.outputDirectory, {
    layout: 'per-tensor',
    info,
    companions: companionsOf(directory),
  });
  writeSafetensors(join(context.outputDirectory, 'smoothing.safetensors'), scales, new Map([['alpha', String(alpha)]]));
  const error = await equivalenceError(directory, context.outputDirectory, context.threads);
  if (!(error <= equivalenceLimit)) {
    throw new QuernError(
      'stage',
      `the smoothed model is not the same function: its logits differ by ${error.toExponential(1)} of the largest`,
      {
        suggestion: `at most ${equivalenceLimit} is accepted; leave out groups whose activations have extreme outliers, or lower alpha`,
      },
    );
  }
  return {
    metrics: { groups: groups.length, alpha, equivalenceError: error, norms: groups.map(({ norm }) => norm.name) },
  };
}

/** Smooths one group in the graph and returns its scales: float32 [channels]. */
function smoothGroup(
  graph: Graph,
  { norm, layers }: SmoothingGroup,
  statistics: Checkpoint,
  alpha: number,
): Float32Array {
  const weights = layers.map(({ tensor, inputFeatures, outputFeatures }) =>
    matrix(float32Of(tensor), inputFeatures, outputFeatures),
  );
  const scales = smoothingScales(
    activationAbsmax(statistics, layers[0]!.name, layers[0]!.inputFeatures),
    weights,
    alpha,
  );
  for (const value of [norm.inputs[1], norm.inputs[2]]) {
    if (value !== undefined) replaceVector(graph, value, (vector) => smoothNorm(vector, scales));
  }
  for (const [index, layer] of layers.entries()) {
    const { values } = smoothWeight(weights[index]!, scales);
    graph.setInitializer(layer.weight, tensorFromFloat32(layer.tensor.dims, values));
  }
  return scales;
}

function replaceVector(graph: Graph, value: Value, change: (vector: Float32Array) => Float32Array): void {
  const tensor = value.initializer!;
  graph.setInitializer(value, tensorFromFloat32(tensor.dims, change(float32Of(tensor))));
}

/** The largest magnitudes that calibration saw in the channels of a layer's input. */
function activationAbsmax(statistics: Checkpoint, layer: string, channels: number): Float32Array {
  const tensor = statistics.tensors.get(layer);
  if (tensor !== undefined && tensor.dims.length === 1 && tensor.dims[0] === channels) return readTensorFloat32(tensor);
  throw new QuernError('stage', `the statistics have no absmax of ${channels} channels for ${layer}`, {
    suggestion: 'calibrate this model, collecting absmax',
  });
}
