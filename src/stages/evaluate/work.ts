import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Json } from '../../json.js';
import { openRelated, type Runner, withEagerModel, withRunner } from '../../runtime/runner.js';
import { tokenDigest } from '../../text/token-digest.js';
import type { TokenWindows } from '../../text/windows.js';
import type { WorkContext, WorkResult } from '../kind.js';
import { windowBatches } from '../layerwise/window-batches.js';
import { deviceSpecs } from '../run/devices.js';
import { EagerEvaluator } from './eager-evaluator.js';
import type { WindowResult } from './evaluator.js';
import { Evaluator } from './evaluator.js';
import { GraphEvaluator } from './graph-evaluator.js';
import { perplexityOf, windowFacts, windowLosses } from './perplexity.js';
import { type PerplexityDataset, readWindows } from './read-windows.js';
import type { WindowEvaluator } from './window-evaluator.js';

export type EvaluateParameters = PerplexityDataset & {
  readonly metric: 'perplexity';
  readonly engine: 'graph' | 'eager';
  /** Missing with engine `graph`. */
  readonly devices?: readonly Json[];
};

/**
 * Perplexity over windows of a text: exp of the mean negative log likelihood of the `length - 1` predicted tokens of each
 * window. With a reference also its perplexity, the mean Kullback-Leibler divergence from it per position, and the share
 * of positions at which both prefer the same token.
 */
export async function evaluate(context: WorkContext<EvaluateParameters>): Promise<WorkResult> {
  const { parameters, sources, inputs, threads, log, outputDirectory } = context;
  const devices = deviceSpecs(parameters.devices ?? ['cpu'], sources);
  return withRunner({ directory: inputs.model!, devices, threads, log }, async (runner) => {
    const windows = await readWindows(parameters, sources, runner);
    const results = await evaluateWindows(runner, windows, context);
    const metrics = perplexityOf(results, windows);
    const { protocol, engine } = parameters;
    const facts = { dataset: windowFacts(windows), metrics, windows: windowLosses(results) };
    const report = { format: 1, protocol, engine, ...facts };
    writeFileSync(join(outputDirectory, 'report.json'), `${JSON.stringify(report, null, 2)}\n`);
    return { metrics };
  });
}

function evaluateWindows(
  runner: Runner,
  windows: TokenWindows,
  context: WorkContext<EvaluateParameters>,
): Promise<readonly WindowResult[]> {
  const { engine, opened } = runner;
  const { inputs, parameters } = context;
  const reference = inputs.reference === undefined ? undefined : openReference(runner, inputs.reference);
  const { vocabularySize } = opened.info;
  if (parameters.engine === 'graph') {
    const model = new GraphEvaluator(engine, opened, { keepLogits: reference !== undefined });
    return evaluateInParts(new Evaluator(engine, vocabularySize, model, reference), windows, runner, context);
  }
  return withEagerModel(runner, { granularity: 'island', capacity: windows.length }, (model) => {
    const eager = new EagerEvaluator(engine, model, { vocabularySize, keepLogits: reference !== undefined });
    const report = (share: number): void =>
      context.report({ done: Math.floor(share * windows.count), total: windows.count, unit: 'windows' });
    return new Evaluator(engine, vocabularySize, eager, reference).evaluate([...windows], report);
  });
}

/** Opens a model that another one is compared with. */
export function openReference({ engine, opened }: Runner, directory: string): WindowEvaluator {
  return new GraphEvaluator(engine, openRelated(directory, 'reference', opened.info), { keepLogits: true });
}

/** Evaluates batches of windows, each a part that is kept: other numbers of windows of a text share the first ones. */
async function evaluateInParts(
  evaluator: Evaluator,
  windows: TokenWindows,
  { opened }: Runner,
  { inputs, part, report }: WorkContext<EvaluateParameters>,
): Promise<readonly WindowResult[]> {
  const results: WindowResult[] = [];
  for (const batch of windowBatches([...windows], opened.info.hiddenSize)) {
    const done = results.length;
    const reportShare = (share: number): void =>
      report({ done: done + Math.floor(share * batch.length), total: windows.count, unit: 'windows' });
    const work = {
      unit: 'batches of windows',
      inputs: inputs.reference === undefined ? ['model'] : ['model', 'reference'],
      description: { tokens: tokenDigest(batch) },
    };
    const place = await part(work, (directory) =>
      writeFileSync(join(directory, partFile), JSON.stringify(evaluator.evaluate(batch, reportShare))),
    );
    results.push(...readResults(join(place, partFile), batch.length));
    reportShare(1);
  }
  return results;
}

const partFile = 'windows.json';

function readResults(path: string, count: number): readonly WindowResult[] {
  const results: unknown = JSON.parse(readFileSync(path, 'utf8'));
  if (!Array.isArray(results) || results.length !== count) throw new Error(`${path} holds other windows`);
  return results;
}
