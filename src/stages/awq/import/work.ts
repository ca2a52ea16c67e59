import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { readLlmAwq } from '../../../checkpoints/llm-awq.js';
import { writeSafetensors } from '../../../checkpoints/safetensors-writer.js';
import type { LinearLayer } from '../../../models/linear-layers.js';
import { findLinearLayers } from '../../../models/linear-layers.js';
import { companionsOf, openModelDirectory, writeModelDirectory } from '../../../models/model-directory.js';
import { findScalingGroups } from '../../../models/scaling-groups.js';
import { float32Of, LazyTensor, tensorFromFloat32 } from '../../../onnx/tensor.js';
import type { WorkContext, WorkResult } from '../../kind.js';
import { type LayerChange, matchResult } from './match-result.js';

/** Scales and clips the weights of a model as a search by llm-awq has found. */
export async function importAwq(
  context: Pick<WorkContext, 'inputs' | 'sources' | 'outputDirectory'>,
): Promise<WorkResult> {
  const directory = context.inputs.model!;
  const { model, info } = openModelDirectory(directory);
  const { graph } = model;
  const layers = findLinearLayers(graph);
  const groups = findScalingGroups(graph).groups.filter(({ sharedChannels }) => sharedChannels === undefined);
  const result = readLlmAwq(context.sources.import![0]!.path);
  const { changes, groups: scaled } = matchResult(result, groups, layers);
  for (const { group, scales } of scaled) {
    for (const value of group.vectors) {
      const tensor = value.initializer;
      if (tensor === undefined) throw new Error(`${value.name} is a constant`);
      const vector = float32Of(tensor).map((element, channel) => element / scales[channel]!);
      graph.setInitializer(value, tensorFromFloat32(tensor.dims, vector));
    }
  }
  for (const layer of layers) {
    const change = changes.get(layer.name)!;
    if (Object.keys(change).length === 0) continue;
    const changed = new LazyTensor('float32', layer.tensor.dims, () => bytesOf(changedWeight(layer, change)));
    graph.setInitializer(layer.weight, changed);
  }
  writeModelDirectory(model, context.outputDirectory, {
    layout: 'per-tensor',
    info,
    companions: companionsOf(directory),
  });
  const tensors = scaled.map(({ group, scales }) => {
    return { name: group.source, dataType: 'float32', dims: [scales.length], data: scales } as const;
  });
  writeSafetensors(join(context.outputDirectory, 'awq.safetensors'), tensors);
  const table = {
    format: 1,
    groups: scaled.map(({ group }) => ({ source: group.source, layers: group.layers.map(({ name }) => name) })),
    clip: result.clip.map(({ layer }) => ({ name: layer })),
  };
  writeFileSync(join(context.outputDirectory, 'search.json'), `${JSON.stringify(table, null, 2)}\n`);
  return { metrics: { imported: true, groups: scaled.length, clippedLayers: result.clip.length } };
}

function bytesOf({ buffer, byteOffset, byteLength }: Float32Array): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}

/** [input features, output features] */
function changedWeight(
  { tensor, inputFeatures, outputFeatures }: LinearLayer,
  { columnDivisors, rowFactors, bounds }: LayerChange,
): Float32Array {
  const weight = Float32Array.from(float32Of(tensor));
  const groups = bounds === undefined ? 1 : bounds.length / outputFeatures;
  for (let row = 0, index = 0; row < inputFeatures; row++) {
    const factor = rowFactors?.[row] ?? 1;
    const group = Math.floor((row * groups) / inputFeatures);
    for (let column = 0; column < outputFeatures; column++, index++) {
      const scaled = Math.fround(Math.fround(weight[index]! / (columnDivisors?.[column] ?? 1)) * factor);
      const bound = bounds?.[column * groups + group] ?? Number.POSITIVE_INFINITY;
      weight[index] = Math.min(Math.max(scaled, -bound), bound);
    }
  }
  return weight;
}
