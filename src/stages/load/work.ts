import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { elementCount } from '../../checkpoints/checkpoint.js';
import { configName, openSource } from '../../checkpoints/open-source.js';
import { isCompanionFile, writeModelDirectory } from '../../models/model-directory.js';
import { architectureOf } from '../../models/registry.js';
import { readSpecialTokens } from '../../models/special-tokens.js';
import type { WorkContext, WorkResult } from '../kind.js';
import { writeTokenizer } from './write-tokenizer.js';

export interface LoadParameters {
  readonly source: string;
  readonly layers?: number;
}

/** Reads a checkpoint and writes the graph of its architecture, tensor by tensor. */
export async function loadModel(context: WorkContext<LoadParameters>): Promise<WorkResult> {
  const { source, layers } = context.parameters;
  const files = context.sources.source ?? [];
  const { config, configJson, checkpoint, tokenizer } = openSource(files, source);
  const architecture = architectureOf(config);
  const { model, info } = architecture.build(config, checkpoint, layers === undefined ? {} : { layers });
  const generationConfig = files.find(({ name }) => name === 'generation_config.json');
  const specialTokens = readSpecialTokens(config.fields, generationConfig?.path, info.vocabularySize);
  const companions = files.filter(
    ({ name }) => isCompanionFile(name) && (configJson === undefined || name !== configName),
  );
  const initializers = [...model.graph.initializers.values()].map(({ initializer }) => initializer);
  let written = 0;
  writeModelDirectory(model, context.outputDirectory, {
    layout: 'per-tensor',
    info: { ...info, ...specialTokens },
    companions,
    onTensor: () => context.report({ done: ++written, total: initializers.length, unit: 'tensors' }),
  });
  if (configJson !== undefined) {
    writeFileSync(join(context.outputDirectory, configName), `${JSON.stringify(configJson, null, 2)}\n`);
  }
  writeTokenizer(context, files, tokenizer);
  const parameters = [...checkpoint.tensors.values()].reduce((sum, { dims }) => sum + (elementCount(dims) ?? 0), 0);
  const bytes = initializers.reduce((sum, tensor) => sum + (tensor?.byteLength ?? 0), 0);
  return {
    metrics: { parameters, bytes, architecture: info.architecture, layers: info.layers, hiddenSize: info.hiddenSize },
  };
}
