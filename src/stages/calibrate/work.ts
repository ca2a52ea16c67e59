import { join } from 'node:path';
import { writeSafetensors } from '../../checkpoints/safetensors-writer.js';
import { promptInputs } from '../../models/decoder-inputs.js';
import { openModelSession } from '../../models/graph-session.js';
import { findLinearLayers } from '../../models/linear-layers.js';
import { lowerAttention } from '../../models/lower-attention.js';
import { openModelDirectory, openModelTokenizer } from '../../models/model-directory.js';
import { float32ArrayToBfloat16 } from '../../numerics/half.js';
import { openEngine } from '../../ort/open-engine.js';
import { readDataset } from '../../text/dataset.js';
import type { Tokenizer } from '../../text/tokenizer.js';
import type { DatasetParameters } from '../dataset-windows.js';
import { checkWindowLength, datasetDescription } from '../dataset-windows.js';
import type { WorkContext, WorkResult } from '../kind.js';
import { drawWindows } from './choose-windows.js';
import type { Statistic } from './statistics.js';
import { ChannelStatistics, reduceToStatistics } from './statistics.js';

export interface CalibrateParameters {
  readonly dataset: DatasetParameters;
  readonly collect: readonly Statistic[];
  readonly seed?: number;
}

/**
 * Runs windows of a text through a model and keeps, for every input channel of every linear layer, the statistics asked
 * for. They are written as one safetensors file a statistic, module path -> bfloat16 [input features]: rounding keeps the
 * last bits of a processor's matrix product out of what is built from them.
 */
export async function calibrate(context: WorkContext<CalibrateParameters>): Promise<WorkResult> {
  const { dataset, collect } = context.parameters;
  const directory = context.inputs.model!;
  const opened = openModelDirectory(directory);
  const { model, info } = opened;
  checkWindowLength(dataset.length, info);
  const windows = await calibrationWindows(context, openModelTokenizer(opened));
  lowerAttention(model);
  const layers = findLinearLayers(model.graph);
  reduceToStatistics(
    model.graph,
    layers.map(({ input }) => input),
    collect,
  );
  const engine = await openEngine({ threads: context.threads });
  const session = openModelSession(engine, model, directory);
  const statistics = new ChannelStatistics();
  for (const [index, ids] of windows.entries()) {
    statistics.add(session.run(promptInputs(info, ids)));
    context.report({ done: index + 1, total: windows.length, unit: 'windows' });
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

async function calibrationWindows(
  context: WorkContext<CalibrateParameters>,
  tokenizer: Tokenizer,
): Promise<Int32Array[]> {
  const { dataset, seed } = context.parameters;
  if (seed === undefined) return [...(await readDataset(datasetDescription(dataset, context.sources), tokenizer))];
  const all = await readDataset(datasetDescription({ ...dataset, windows: null }, context.sources), tokenizer);
  return drawWindows(all, dataset.windows ?? all.count, seed);
}
