import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Checkpoint } from '../../checkpoints/checkpoint.js';
import { elementCount } from '../../checkpoints/checkpoint.js';
import { isOnnxName } from '../../checkpoints/checkpoint-files.js';
import { configName, openSource } from '../../checkpoints/open-source.js';
import { architectureOf } from '../../models/registry.js';
import type { WorkContext, WorkResult } from '../kind.js';
import { loadGraph } from './load-graph.js';
import { loadedMetrics, writeLoaded } from './write-loaded.js';
import { writeTokenizer } from './write-tokenizer.js';

export interface LoadParameters {
  readonly source: string;
  readonly layers?: number;
}

/** Reads a checkpoint, or an exported graph, and writes the float32 graph of the model. */
export function loadModel(context: WorkContext<LoadParameters>): Promise<WorkResult> {
  const graph = (context.sources.source ?? []).find(({ name }) => isOnnxName(name));
  return graph === undefined ? loadCheckpoint(context) : loadGraph(context, graph);
}

/** Builds the graph of an architecture and writes it, tensor by tensor. */
async function loadCheckpoint(context: WorkContext<LoadParameters>): Promise<WorkResult> {
  const { source, layers } = context.parameters;
  const files = context.sources.source ?? [];
  const { config, configJson, checkpoint, tokenizer } = openSource(files, source);
  const built = architectureOf(config).build(config, checkpoint, layers === undefined ? {} : { layers });
  const companions = files.filter(({ name }) => configJson === undefined || name !== configName);
  const bytes = await writeLoaded(context, { ...built, fields: config.fields }, companions);
  if (configJson !== undefined) {
    writeFileSync(join(context.outputDirectory, configName), `${JSON.stringify(configJson, null, 2)}\n`);
  }
  writeTokenizer(context, files, tokenizer);
  return { metrics: { parameters: parametersOf(checkpoint), bytes, ...loadedMetrics(built.info) } };
}

function parametersOf({ tensors }: Checkpoint): number {
  return [...tensors.values()].reduce((sum, { dims }) => sum + (elementCount(dims) ?? 0), 0);
}
