import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TensorToWrite } from '../../checkpoints/safetensors-writer.js';
import { writeSafetensors } from '../../checkpoints/safetensors-writer.js';
import { findLinearLayers } from '../../models/linear-layers.js';
import { companionsOf, openModelDirectory, writeModelDirectory } from '../../models/model-directory.js';
import { findScalingGroups } from '../../models/scaling-groups.js';
import type { Tensor } from '../../onnx/tensor.js';
import { float32Of } from '../../onnx/tensor.js';
import { openEngine } from '../../ort/open-engine.js';
import type { GroupBits, GroupSize } from '../../quant/groups.js';
import { tokenDigest } from '../../text/token-digest.js';
import type { DatasetParameters } from '../dataset-windows.js';
import type { WorkContext, WorkResult } from '../kind.js';
import { calibrationWindows } from '../layerwise/calibration-windows.js';
import { largestOutputError } from '../layerwise/largest-errors.js';
import { replaceInitializers } from '../layerwise/layer-result.js';
import { MatrixProducts } from '../layerwise/matrix-products.js';
import { ResidualStream } from '../layerwise/residual-stream.js';
import type { SearchResult } from './search-result.js';
import { readSearch, writeSearch } from './search-result.js';
import type { SearchOptions } from './segment-search.js';
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
  const tokens = tokenDigest(windows);
  const results: SearchResult[] = [];
  for (const [index, segment] of stream.segments.entries()) {
    const description = { tokens, decoderLayer: segment.decoderLayer, bits, group, symmetric, grid, clip };
    const place = await context.part({ unit: 'decoder layers', inputs: ['model'], description }, (directory) => {
      const names = new Set(segment.layers.map(({ name }) => name));
      const statistics = stream.measureAndAdvance(segment);
      const groups = allGroups.filter(({ layers }) => layers.every(({ name }) => names.has(name)));
      const found = scaleGroups(groups, statistics, options, products);
      const layers = allLayers.filter(({ name }) => names.has(name));
      writeSearch(directory, found, changeLayers(layers, found, statistics, options, products));
    });
    const result = readSearch(place);
    replaceInitializers(graph, result.changed);
    results.push(result);
    context.report({ done: index + 1, total: stream.segments.length, unit: 'decoder layers' });
  }
  engine.close();
  writeModelDirectory(model, context.outputDirectory, {
    layout: 'per-tensor',
    info,
    companions: companionsOf(directory),
  });
  const scales = results.flatMap((result) => [...result.scales]);
  writeSafetensors(join(context.outputDirectory, 'awq.safetensors'), scales.map(scalesTensor));
  const groups = results.flatMap((result) => result.groups);
  const clipped = results.flatMap((result) => result.clip);
  const layers = results.flatMap((result) => result.layers);
  const table = { format: 1, bits, group, groups, clip: clipped, layers };
  writeFileSync(join(context.outputDirectory, 'search.json'), `${JSON.stringify(table, null, 2)}\n`);
  return {
    metrics: { bits, group, groups: groups.length, clippedLayers: clipped.length, ...largestOutputError(layers) },
  };
}

function scalesTensor([name, tensor]: readonly [string, Tensor]): TensorToWrite {
  const data = float32Of(tensor);
  return { name, dataType: 'float32', dims: [data.length], data };
}
