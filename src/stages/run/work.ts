import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { EagerModel } from '../../runtime/eager-model.js';
import { type Runner, withEagerModel, withRunner } from '../../runtime/runner.js';
import type { WorkContext, WorkResult } from '../kind.js';
import { deviceSpecs } from './devices.js';
import { runMetrics } from './metrics.js';
import { checkMaxLength, neededCapacity, type RunParameters } from './parameters.js';
import { placementPage } from './placement-page.js';
import { encodePrompts, type Prompt } from './prompts.js';
import { runReport } from './report.js';
import { runTasks } from './tasks.js';

/**
 * Runs a model on devices and writes what can be repeated into `report.json` and `placement.md`. Measured times are
 * metrics and never in the artifact; modelled times of the NPU are in both, under names of their own.
 */
export async function run(context: WorkContext<RunParameters>): Promise<WorkResult> {
  const { parameters, sources, inputs, threads, log } = context;
  const devices = deviceSpecs(parameters.devices, sources);
  return withRunner({ directory: inputs.model!, devices, threads, log }, (runner) => {
    const { maximumPositions } = runner.opened.info;
    checkMaxLength(parameters, maximumPositions);
    const prompts = encodePrompts(parameters, runner.tokenizer, maximumPositions);
    const { granularity, strict } = parameters;
    const capacity = neededCapacity(parameters, prompts, maximumPositions);
    return withEagerModel(runner, { granularity, strict, capacity }, (model) => runOn(runner, model, prompts, context));
  });
}

function runOn(
  { engine, devices, opened, tokenizer, endTokens }: Runner,
  model: EagerModel,
  prompts: readonly Prompt[],
  context: WorkContext<RunParameters>,
): WorkResult {
  const { parameters, outputDirectory } = context;
  const names = devices.map(({ name }) => name);
  const { vocabularySize } = opened.info;
  const results = runTasks(context, { engine, model, tokenizer, prompts, vocabularySize, endTokens });
  const report = runReport({ opened, engine, model, devices: names, parameters, prompts, results });
  writeFileSync(join(outputDirectory, 'report.json'), `${JSON.stringify(report, null, 2)}\n`);
  writeFileSync(join(outputDirectory, 'placement.md'), placementPage(model.placement, names, model.faults));
  return { metrics: runMetrics(names[0] ?? 'cpu', model, prompts, results) };
}
