import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { QuernError } from '../../errors.js';
import { openModelDirectory, openModelTokenizer } from '../../models/model-directory.js';
import { openEngine } from '../../ort/open-engine.js';
import { readDataset } from '../../text/dataset.js';
import type { TokenWindows } from '../../text/windows.js';
import type { DatasetParameters } from '../dataset-windows.js';
import { checkWindowLength, datasetDescription } from '../dataset-windows.js';
import type { WorkContext, WorkResult } from '../kind.js';
import { LogitComparison } from './logit-comparison.js';
import { WindowEvaluator } from './window-evaluator.js';

export interface EvaluateParameters {
  readonly dataset: DatasetParameters;
  readonly metric: 'perplexity';
  readonly protocol: 'windows';
  readonly engine: 'graph';
}

/** What is known of one window. Losses are mean negative log likelihoods of a predicted token in nats. */
interface WindowResult {
  readonly loss: number;
  readonly referenceLoss?: number;
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
  const referenceDirectory = context.inputs.reference;
  const model = new WindowEvaluator(engine, opened, { keepLogits: referenceDirectory !== undefined });
  const reference =
    referenceDirectory === undefined
      ? undefined
      : openReference(engine, referenceDirectory, opened.info.vocabularySize);
  const comparison =
    reference === undefined ? undefined : new LogitComparison(engine, opened.info.vocabularySize, dataset.length);
  const results = [...windows].map((ids, index): WindowResult => {
    const { loss, logits } = model.evaluate(ids);
    const expected = reference?.evaluate(ids);
    if (expected !== undefined && logits !== undefined) comparison?.add(expected.logits!, logits);
    context.report({ done: index + 1, total: windows.count, unit: 'windows' });
    return { loss, ...(expected === undefined ? {} : { referenceLoss: expected.loss }) };
  });
  engine.close();
  const metrics = summarize(results, windows, comparison);
  const report = { format: 1, protocol, engine: engineKind, dataset: datasetFacts(windows), metrics, windows: results };
  writeFileSync(join(context.outputDirectory, 'report.json'), `${JSON.stringify(report, null, 2)}\n`);
  return { metrics };
}

function openReference(
  engine: ConstructorParameters<typeof WindowEvaluator>[0],
  directory: string,
  vocabularySize: number,
): WindowEvaluator {
  const opened = openModelDirectory(directory);
  if (opened.info.vocabularySize !== vocabularySize) {
    throw new QuernError(
      'stage',
      `the reference has ${opened.info.vocabularySize} tokens in its vocabulary, the model ${vocabularySize}`,
      {
        suggestion: 'a reference has to be a form of the same model',
      },
    );
  }
  return new WindowEvaluator(engine, opened, { keepLogits: true });
}

function datasetFacts(windows: TokenWindows): {
  readonly windows: number;
  readonly length: number;
  readonly stride: number;
} {
  return { windows: windows.count, length: windows.length, stride: windows.stride };
}

function summarize(results: readonly WindowResult[], windows: TokenWindows, comparison: LogitComparison | undefined) {
  const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;
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
  if (comparison === undefined) return facts;
  const referencePerplexity = Math.exp(mean(results.map(({ referenceLoss }) => referenceLoss ?? Number.NaN)));
  return {
    ...facts,
    referencePerplexity,
    perplexityIncrease: perplexity / referencePerplexity - 1,
    klDivergence: comparison.meanDivergence,
    top1Agreement: comparison.meanAgreement,
  };
}
