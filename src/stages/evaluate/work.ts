import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { QuernError } from '../../errors.js';
import { openModelDirectory, openModelTokenizer } from '../../models/model-directory.js';
import { openEngine } from '../../ort/open-engine.js';
import { readDataset } from '../../text/dataset.js';
import { tokenDigest } from '../../text/token-digest.js';
import type { TokenWindows } from '../../text/windows.js';
import type { DatasetParameters } from '../dataset-windows.js';
import { checkWindowLength, datasetDescription } from '../dataset-windows.js';
import type { WorkContext, WorkResult } from '../kind.js';
import { windowBatches } from '../layerwise/window-batches.js';
import type { WindowResult } from './evaluator.js';
import { Evaluator } from './evaluator.js';

export interface EvaluateParameters {
  readonly dataset: DatasetParameters;
  readonly metric: 'perplexity';
  readonly protocol: 'windows';
  readonly engine: 'graph';
}

/**
 * Perplexity over windows of a text: exp of the mean negative log likelihood of the `length - 1` predicted tokens of each
 * window. With a reference also its perplexity, the mean Kullback-Leibler divergence from it per position, and the share
 * of positions at which both prefer the same token.
 */
export async function evaluate(context: WorkContext<EvaluateParameters>): Promise<WorkResult> {
  const { dataset, protocol, engine: engineKind } = context.parameters;
  const opened = openModelDirectory(context.inputs.model!);
  checkWindowLength(dataset.length, opened.info);
  const windows = await readDataset(datasetDescription(dataset, context.sources), openModelTokenizer(opened));
  const engine = await openEngine({ threads: context.threads });
  const evaluator = new Evaluator(engine, opened, context.inputs.reference);
  const results: WindowResult[] = [];
  for (const batch of windowBatches([...windows], opened.info.hiddenSize)) {
    const done = results.length;
    const report = (share: number): void =>
      context.report({ done: done + Math.floor(share * batch.length), total: windows.count, unit: 'windows' });
    const part = { unit: 'batches of windows', inputs: evaluator.inputs, description: { tokens: tokenDigest(batch) } };
    const place = await context.part(part, (directory) =>
      writeFileSync(join(directory, partFile), JSON.stringify(evaluator.evaluate(batch, report))),
    );
    results.push(...readResults(join(place, partFile), batch.length));
    report(1);
  }
  engine.close();
  const metrics = summarize(results, windows);
  const losses = results.map(({ loss, referenceLoss }) => ({
    loss,
    ...(referenceLoss === undefined ? {} : { referenceLoss }),
  }));
  const report = { format: 1, protocol, engine: engineKind, dataset: datasetFacts(windows), metrics, windows: losses };
  writeFileSync(join(context.outputDirectory, 'report.json'), `${JSON.stringify(report, null, 2)}\n`);
  return { metrics };
}

/** A part of the work: the results of a batch of windows. */
const partFile = 'windows.json';

function readResults(path: string, count: number): readonly WindowResult[] {
  const results: unknown = JSON.parse(readFileSync(path, 'utf8'));
  if (!Array.isArray(results) || results.length !== count) throw new Error(`${path} holds other windows`);
  return results;
}

function datasetFacts(windows: TokenWindows): {
  readonly windows: number;
  readonly length: number;
  readonly stride: number;
} {
  return { windows: windows.count, length: windows.length, stride: windows.stride };
}

function summarize(results: readonly WindowResult[], windows: TokenWindows) {
  const mean = (values: readonly number[]): number => sum(values) / values.length;
  const perplexity = Math.exp(mean(results.map(({ loss }) => loss)));
  const facts = {
    perplexity,
    tokens: windows.count * (windows.length - 1),
    windows: windows.count,
    length: windows.length,
  };
  if (!Number.isFinite(perplexity)) {
    throw new QuernError(
      'stage',
      `the perplexity is ${perplexity}: the model's logits are not finite or hopelessly wrong`,
    );
  }
  const compared = results.flatMap(({ comparison }) => comparison ?? []);
  if (compared.length === 0) return facts;
  const referencePerplexity = Math.exp(mean(results.map(({ referenceLoss }) => referenceLoss ?? Number.NaN)));
  const positions = windows.count * windows.length;
  return {
    ...facts,
    referencePerplexity,
    perplexityIncrease: perplexity / referencePerplexity - 1,
    klDivergence: sum(compared.map(({ divergence }) => divergence)) / positions,
    top1Agreement: sum(compared.map(({ agreement }) => agreement)) / positions,
  };
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
