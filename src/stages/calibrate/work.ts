import { join } from 'node:path';
import { writeSafetensors } from '../../checkpoints/safetensors-writer.js';
import { findLinearLayers } from '../../models/linear-layers.js';
import { openModelDirectory } from '../../models/model-directory.js';
import { openModelTokenizer } from '../../models/model-tokenizer.js';
import { float32ArrayToBfloat16 } from '../../numerics/half.js';
import { openEngine } from '../../ort/open-engine.js';
import { readDataset } from '../../text/dataset.js';
import { tokenDigest } from '../../text/token-digest.js';
import type { Tokenizer } from '../../text/tokenizer.js';
import type { DatasetParameters } from '../dataset-windows.js';
import { checkWindowLength, datasetDescription } from '../dataset-windows.js';
import type { WorkContext, WorkResult } from '../kind.js';
import { DecoderWalk } from '../layerwise/decoder-walk.js';
import { windowBatches } from '../layerwise/window-batches.js';
import { drawWindows } from './choose-windows.js';
import { importScales } from './import-scales.js';
import type { Statistic } from './statistics.js';
import { addStatisticsOf, ChannelStatistics, statisticBuffers } from './statistics.js';

/** Statistics of a text, or some that another program has measured. */
export type CalibrateParameters = MeasureParameters | { readonly import: string };

interface MeasureParameters {
  readonly dataset: DatasetParameters;
  readonly collect: readonly Statistic[];
  readonly seed?: number;
}

/** Keeps statistics for every input channel of every linear layer, one safetensors file a statistic. */
export async function calibrate(context: WorkContext<CalibrateParameters>): Promise<WorkResult> {
  const { parameters } = context;
  return 'import' in parameters ? importStatistics(context) : measureStatistics({ ...context, parameters });
}

/** Takes the largest magnitudes as they are: a model that is smoothed by them is the one of their program. */
function importStatistics({ inputs, sources, outputDirectory, log }: WorkContext<CalibrateParameters>): WorkResult {
  const [file] = sources.import ?? [];
  if (file === undefined) throw new Error('the import is a file');
  const layers = findLinearLayers(openModelDirectory(inputs.model!).model.graph);
  const { tensors, surplus } = importScales(file, layers);
  for (const name of surplus) log(`${name} is no linear layer of the model`);
  writeSafetensors(join(outputDirectory, 'absmax.safetensors'), tensors);
  return { metrics: { imported: tensors.length, linearLayers: layers.length, surplus: [...surplus] } };
}

/**
 * Runs windows of a text through a model and keeps, for every input channel of every linear layer, the statistics asked
 * for. They are written as one safetensors file a statistic, module path -> bfloat16 [input features]: rounding keeps the
 * last bits of a processor's matrix product out of what is built from them.
 */
async function measureStatistics(context: WorkContext<MeasureParameters>): Promise<WorkResult> {
  const { dataset, collect } = context.parameters;
  const opened = openModelDirectory(context.inputs.model!);
  const { info } = opened;
  checkWindowLength(dataset.length, info);
  const windows = await calibrationWindows(context, openModelTokenizer(opened));
  const engine = await openEngine({ threads: context.threads });
  const walk = new DecoderWalk(engine, opened);
  const layers = findLinearLayers(walk.graph);
  const statistics = new ChannelStatistics();
  let done = 0;
  for (const batch of windowBatches(windows, info.hiddenSize)) {
    const description = { tokens: tokenDigest(batch), collect: [...collect] };
    const place = await context.part({ unit: 'batches of windows', inputs: ['model'], description }, (directory) => {
      const measured = measureWindows(walk, batch, collect, (share) =>
        context.report({ done: done + Math.floor(share * batch.length), total: windows.length, unit: 'windows' }),
      );
      measured.write(directory);
    });
    statistics.addWritten(place, batch.length);
    done += batch.length;
    context.report({ done, total: windows.length, unit: 'windows' });
  }
  engine.close();
  for (const statistic of collect) {
    const tensors = layers.map(({ name, input, inputFeatures }) => ({
      name,
      dataType: 'bfloat16' as const,
      dims: [inputFeatures],
      data: float32ArrayToBfloat16(statistics.result(statistic, input.name)),
    }));
    writeSafetensors(join(context.outputDirectory, `${statistic}.safetensors`), tensors);
  }
  const tokens = windows.length * dataset.length;
  return { metrics: { windows: windows.length, length: dataset.length, tokens, linearLayers: layers.length } };
}

/** The statistics of the inputs of all linear layers. `report` is told which share of the work is done. */
export function measureWindows(
  walk: DecoderWalk,
  windows: readonly Int32Array[],
  collect: readonly Statistic[],
  report: (share: number) => void,
): ChannelStatistics {
  const statistics = new ChannelStatistics();
  const batch = walk.begin(windows);
  const steps = walk.stretches.length * windows.length;
  for (const [index, stretch] of walk.stretches.entries()) {
    const values = [...new Set(stretch.layers.map(({ input }) => input))];
    if (values.length === 0 && stretch.output === undefined) continue;
    const part = walk.open(stretch, { values, extend: (model) => addStatisticsOf(model, values, collect) });
    const buffers = statisticBuffers(stretch.layers, collect);
    for (const window of windows.keys()) {
      walk.run(part, stretch, batch, window, buffers);
      for (const [name, tensor] of Object.entries(buffers)) statistics.add(name, tensor);
      report((index * windows.length + window + 1) / steps);
    }
    walk.close(part);
  }
  return statistics;
}

async function calibrationWindows(
  context: WorkContext<MeasureParameters>,
  tokenizer: Tokenizer,
): Promise<Int32Array[]> {
  const { dataset, seed } = context.parameters;
  if (seed === undefined) return [...(await readDataset(datasetDescription(dataset, context.sources), tokenizer))];
  const all = await readDataset(datasetDescription({ ...dataset, windows: null }, context.sources), tokenizer);
  return drawWindows(all, dataset.windows ?? all.count, seed);
}
