import { float32Of, type Tensor, tensorFromFloat32 } from '../../onnx/tensor.js';
import { type ChangedLayer, reciprocals, type ScaledGroup } from './segment-search.js';

/** A new tensor for an initializer. */
export type NamedTensor = readonly [name: string, tensor: Tensor];

/** The new weight of a linear layer. */
export function changedWeight({ layer, weight }: ChangedLayer): NamedTensor {
  return [layer.weight.name, tensorFromFloat32(layer.tensor.dims, weight.values)];
}

/** The weight and bias of a norm, or the bias of a linear layer, divided by the scales of the group behind it. */
export function scaledVectors({ group, scales }: ScaledGroup): readonly NamedTensor[] {
  const factors = reciprocals(scales);
  return group.vectors.map(({ name, initializer }) => {
    if (initializer === undefined) throw new Error(`${name} is a constant`);
    const vector = float32Of(initializer).map((element, channel) => element * factors[channel]!);
    return [name, tensorFromFloat32(initializer.dims, vector)];
  });
}
