import type { Checkpoint } from '../../checkpoints/checkpoint.js';
import type { LinearLayer } from '../../models/linear-layers.js';
import type { ScalingGroup } from '../../models/scaling-groups.js';
import { scaleColumnsKernel } from '../../numerics/kernels/arithmetic.js';
import type { Graph } from '../../onnx/ir.js';
import type { Value } from '../../onnx/node.js';
import { float32Of, tensorFromFloat32 } from '../../onnx/tensor.js';
import { type Matrix, matrix } from '../../quant/matrix.js';
import { centredScales, scalesOfFeatures, smoothingScales, smoothNorm, smoothWeight } from '../../quant/smoothquant.js';
import { activationAbsmax } from '../calibrate/activation-absmax.js';
import type { TensorSpill } from '../layerwise/tensor-spill.js';
import type { SplitChannel } from './split-group.js';

/** A group with the scales it got. */
export interface SmoothedGroup {
  readonly group: ScalingGroup;
  readonly alpha: number;
  /** float32 [channels of the source] */
  readonly scales: Float32Array;
  /** Where strengths were tried: relative squared error of the outputs with this one, and the largest of the range. */
  readonly error?: number;
  readonly largestError?: number;
  /** Channels that became several. */
  readonly split?: readonly SplitChannel[];
}

/** Smooths a group with a given strength. */
export function smoothGroup(
  graph: Graph,
  spill: TensorSpill,
  group: ScalingGroup,
  statistics: Checkpoint,
  alpha: number,
): SmoothedGroup {
  const scales = groupScales(group, group.layers.map(weightOf), statistics, alpha);
  applyScales(graph, spill, group, scales);
  return { group, alpha, scales };
}

/** The weight that a layer has now: [input features, output features]. */
export function weightOf({ weight, inputFeatures, outputFeatures }: LinearLayer): Matrix {
  const tensor = weight.initializer;
  if (tensor === undefined) throw new Error(`${weight.name} is a constant`);
  return matrix(float32Of(tensor), inputFeatures, outputFeatures);
}

/**
 * SmoothQuant's scale of each channel of a group. Behind a linear layer the scales are centred around 1, and channels that
 * calibration never saw active are left alone: the layer in front has the same scales in its own weight, where no value may
 * stand out.
 */
export function groupScales(
  group: ScalingGroup,
  weights: readonly Matrix[],
  statistics: Checkpoint,
  alpha: number,
): Float32Array {
  const { layers, linear, sharedChannels } = group;
  const absmax = activationAbsmax(statistics, layers[0]!);
  const scales = smoothingScales(absmax, weights, alpha, sharedChannels);
  return linear === undefined ? scales : centredScales(scales, absmax, sharedChannels);
}

/** Divides the channels of the source of a group by the scales, and multiplies the weights of its layers by them. */
export function applyScales(graph: Graph, spill: TensorSpill, group: ScalingGroup, scales: Float32Array): void {
  const { vectors, linear, layers, sharedChannels } = group;
  for (const value of vectors) {
    const tensor = requireConstant(value);
    graph.setInitializer(value, tensorFromFloat32(tensor.dims, smoothNorm(float32Of(tensor), scales)));
  }
  if (linear !== undefined) {
    const reciprocals = scales.map((scale) => 1 / scale);
    replaceWeight(graph, spill, linear, scaleColumnsKernel(weightOf(linear), reciprocals));
  }
  const factors = scalesOfFeatures(scales, sharedChannels);
  for (const layer of layers) replaceWeight(graph, spill, layer, smoothWeight(weightOf(layer), factors).values);
}

function replaceWeight(graph: Graph, spill: TensorSpill, { weight, tensor }: LinearLayer, values: Float32Array): void {
  spill.set(graph, weight, tensorFromFloat32(tensor.dims, values));
}

function requireConstant(value: Value): NonNullable<Value['initializer']> {
  if (value.initializer === undefined) throw new Error(`${value.name} is a constant`);
  return value.initializer;
}
