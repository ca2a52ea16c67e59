import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TensorToWrite } from '../../checkpoints/safetensors-writer.js';
import { writeSafetensors } from '../../checkpoints/safetensors-writer.js';
import type { JsonObject } from '../../json.js';
import { findLinearLayers } from '../../models/linear-layers.js';
import { companionsOf, openModelDirectory, writeModelDirectory } from '../../models/model-directory.js';
import { findScalingGroups } from '../../models/scaling-groups.js';
import { openEngine } from '../../ort/open-engine.js';
import type { GroupBits, GroupSize } from '../../quant/groups.js';
import type { DatasetParameters } from '../dataset-windows.js';
import type { WorkContext, WorkResult } from '../kind.js';
import { calibrationWindows } from '../layerwise/calibration-windows.js';
import { MatrixProducts } from '../layerwise/matrix-products.js';
import { ResidualStream } from '../layerwise/residual-stream.js';
import { TensorSpill } from '../layerwise/tensor-spill.js';
import { replaceWeight, scaleVectors } from './apply-search.js';
import type { ScaledGroup, SearchOptions } from './segment-search.js';
import { changeLayers, scaleGroups } from './segment-search.js';

export interface AwqParameters {
  readonly dataset: DatasetParameters;
  readonly bits: GroupBits;
  readonly group: GroupSize;
  readonly symmetric: boolean;
  readonly grid: number;
  readonly clip: boolean;
}

/**
 * Activation-aware weight quantization (Lin et al. 2023, arXiv 2306.00978): decoder layer by decoder layer, scales the
 * channels between operators and clips weights so that quantizing them in groups changes the outputs least. The model stays
 * float; what is clipped makes it another function, by less than the quantization would.
 */
export async function awq(context: WorkContext<AwqParameters>): Promise<WorkResult> {
  const { bits, group, symmetric, grid, clip } = context.parameters;
  const directory = context.inputs.model!;
  const { model, info } = openModelDirectory(directory);
  const { graph } = model;
  const options: SearchOptions = { weights: { bits, group, symmetric }, grid, clip };
  // As in llm-awq, values that several heads of queries share are not scaled.
  const allGroups = findScalingGroups(graph).groups.filter(({ sharedChannels }) => sharedChannels === undefined);
  const allLayers = findLinearLayers(graph);
  const engine = await openEngine({ threads: context.threads });
  const products = new MatrixProducts(engine);
  const opened = openModelDirectory(directory);
  const windows = await calibrationWindows(context.parameters.dataset, opened, context.sources);
  const stream = new ResidualStream(engine, opened, windows);
  const spill = new TensorSpill(context.outputDirectory);
  const scaled: ScaledGroup[] = [];
  const clipped: { readonly name: string; readonly clippedShare: number }[] = [];
  for (const [index, segment] of stream.segments.entries()) {
    const names = new Set(segment.layers.map(({ name }) => name));
    const statistics = stream.measureAndAdvance(segment);
    const groups = allGroups.filter(({ layers }) => layers.every(({ name }) => names.has(name)));
    const found = scaleGroups(groups, statistics, options, products);
    const layers = allLayers.filter(({ name }) => names.has(name));
    for (const changed of changeLayers(layers, found, statistics, options, products)) {
      replaceWeight(graph, spill, changed);
      const { layer, clippedShare } = changed;
      if (clippedShare !== undefined) clipped.push({ name: layer.name, clippedShare });
    }
    for (const each of found) scaleVectors(graph, each);
    scaled.push(...found);
    context.report({ done: index + 1, total: stream.segments.length, unit: 'decoder layers' });
  }
  engine.close();
  writeModelDirectory(model, context.outputDirectory, {
    layout: 'per-tensor',
    info,
    companions: companionsOf(directory),
  });
  spill.remove();
  writeSafetensors(join(context.outputDirectory, 'awq.safetensors'), scaled.map(scalesTensor));
  const table = { format: 1, bits, group, groups: scaled.map(groupAccount), clip: clipped.map(clipAccount) };
  writeFileSync(join(context.outputDirectory, 'search.json'), `${JSON.stringify(table, null, 2)}\n`);
  return { metrics: { bits, group, groups: scaled.length, clippedLayers: clipped.length } };
}

function scalesTensor({ group, scales }: ScaledGroup): TensorToWrite {
  return { name: group.source, dataType: 'float32', dims: [scales.length], data: scales };
}

/** Losses are given with four digits: more depend on the processor. */
function groupAccount({ group, ratio, relativeLoss }: ScaledGroup): JsonObject {
  const layers = group.layers.map(({ name }) => name);
  return { source: group.source, layers, ratio, relativeLoss: Number(relativeLoss.toPrecision(4)) };
}

function clipAccount({ name, clippedShare }: { readonly name: string; readonly clippedShare: number }): JsonObject {
  return { name, clippedShare: Number(clippedShare.toPrecision(4)) };
}
