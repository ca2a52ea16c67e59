import type { Graph } from '../../onnx/ir.js';
import { float32Of, tensorFromFloat32 } from '../../onnx/tensor.js';
import type { TensorSpill } from '../layerwise/tensor-spill.js';
import { type ChangedLayer, reciprocals, type ScaledGroup } from './segment-search.js';

/** Gives a linear layer its new weight. */
export function replaceWeight(graph: Graph, spill: TensorSpill, { layer, weight }: ChangedLayer): void {
  spill.set(graph, layer.weight, tensorFromFloat32(layer.tensor.dims, weight.values));
}

/** Divides the weight and bias of a norm, or the bias of a linear layer, by the scales of the group behind it. */
export function scaleVectors(graph: Graph, { group, scales }: ScaledGroup): void {
  const factors = reciprocals(scales);
  for (const value of group.vectors) {
    const tensor = value.initializer;
    if (tensor === undefined) throw new Error(`${value.name} is a constant`);
    const vector = float32Of(tensor).map((element, channel) => element * factors[channel]!);
    graph.setInitializer(value, tensorFromFloat32(tensor.dims, vector));
  }
}
