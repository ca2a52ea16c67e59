import type { Checkpoint } from '../../checkpoints/checkpoint.js';
import { int } from '../../onnx/attribute.js';
import type { Graph } from '../../onnx/ir.js';
import { int64Vector, tensorFromFloat32 } from '../../onnx/tensor.js';
import { rowAbsmax } from '../../quant/absmax.js';
import { centredScales, scalesOfFeatures, smoothingScales } from '../../quant/smoothquant.js';
import { copiesOfFeatures, featuresOfCopies, splitWeight } from '../../quant/split-channels.js';
import { activationAbsmax } from '../calibrate/activation-absmax.js';
import type { TensorSpill } from '../layerwise/tensor-spill.js';
import { type SmoothedGroup, weightOf } from './smooth-group.js';

/** Copies are as far from large activations as from large weights. */
const evenStrength = 0.5;

/** A channel that became several. A type and not an interface, so that it is JSON. */
export type SplitChannel = { readonly channel: number; readonly copies: number };

/**
 * Lets channels between a linear layer and those behind it that do far more than the others become several, of which each
 * has a part of the value: a Gather repeats them and a Mul has the factors, in front of layers with as many more rows. The
 * function stays the same. Says which were split; of a group that has none the graph stays as it is.
 */
export function splitGroup(
  graph: Graph,
  spill: TensorSpill,
  { group, scales }: SmoothedGroup,
  statistics: Checkpoint,
  above: number,
): readonly SplitChannel[] {
  const { layers, sharedChannels } = group;
  const [first] = layers;
  if (first === undefined || group.linear === undefined) return [];
  const weights = layers.map(weightOf);
  const factors = scalesOfFeatures(scales, sharedChannels);
  const absmax = activationAbsmax(statistics, first).map((value, feature) => value / Math.abs(factors[feature]!));
  const rows = weights.map(rowAbsmax);
  const products = absmax.map((value, feature) => value * Math.max(...rows.map((row) => row[feature]!)));
  const copies = copiesOfFeatures(products, above);
  const split = [...copies].flatMap((count, channel) => (count > 1 ? [{ channel, copies: count }] : []));
  if (split.length === 0) return [];
  const parts = absmax.map((value, feature) => value / copies[feature]!);
  const moved = centredScales(smoothingScales(parts, weights, evenStrength), parts);
  const features = featuresOfCopies(copies);
  const divided = Float32Array.from(features, (feature) => 1 / (copies[feature]! * moved[feature]!));
  const add = (opType: string, name: string, inputs: readonly (typeof first.input)[], attributes = {}) =>
    graph.addNode({ opType, name, inputs, outputs: [name], attributes, before: first.node }).output;
  const indices = graph.addInitializer(`${first.name}.split_channels`, int64Vector([...features]));
  const vector = graph.addInitializer(`${first.name}.split_factors`, tensorFromFloat32([divided.length], divided));
  const repeated = add('Gather', `${first.name}/split`, [first.input, indices], { axis: int(-1) });
  const scaled = add('Mul', `${first.name}/split_scaled`, [repeated, vector]);
  for (const [index, layer] of layers.entries()) {
    const { values, rows: features, columns } = splitWeight(weights[index]!, copies, moved);
    layer.node.setInput(0, scaled);
    spill.set(graph, layer.weight, tensorFromFloat32([features, columns], values));
  }
  return split;
}
