import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { QuernError } from '../../errors.js';
import { observedParts } from '../../runtime/observed-engine.js';
import { placementAt } from '../../runtime/placement-shapes.js';
import { type Runner, withEagerModel, withRunner } from '../../runtime/runner.js';
import { isGreedy } from '../../runtime/sampling.js';
import { readWindows } from '../evaluate/read-windows.js';
import type { WorkContext, WorkResult } from '../kind.js';
import { AmdRecorder } from './amd-format.js';
import { deviceSpecs } from './devices.js';
import { runMetrics } from './metrics.js';
import { checkMaxLength, neededCapacity, perplexityDataset, type RunParameters } from './parameters.js';
import { passTables } from './pass-tables.js';
import { placementHtml } from './placement-html.js';
import { placementPage } from './placement-page.js';
import { profileFiles } from './profile-page.js';
import { encodePrompts } from './prompts.js';
import { passTokens, type ReportSubjects, runReport } from './report.js';
import { runTasks, type TaskSubjects } from './tasks.js';

/**
 * Runs a model on devices and writes what can be repeated into `report.json` and `placement.md`. Measured times are
 * metrics, or in the kind's `measuredFiles`; modelled times of the NPU are in both, under names of their own.
 */
export async function run(context: WorkContext<RunParameters>): Promise<WorkResult> {
  const { parameters, sources, inputs, log } = context;
  const { threads = context.threads } = parameters;
  if (inputs.draft !== undefined && !isGreedy(parameters)) {
    throw new QuernError('stage', 'with a `draft` each token is the most probable one, so `temperature` has to be 0');
  }
  const devices = deviceSpecs(parameters.devices, sources);
  return withRunner(
    { directory: inputs.model!, devices, policy: parameters.placement, threads, log },
    async (runner) => {
      const { maximumPositions } = runner.opened.info;
      checkMaxLength(parameters, maximumPositions);
      const prompts = encodePrompts(parameters, runner.tokenizer, maximumPositions);
      const dataset = perplexityDataset(parameters);
      const windows = dataset === undefined ? undefined : await readWindows(dataset, sources, runner);
      const { granularity, strict } = parameters;
      const capacity = neededCapacity(parameters, prompts, windows?.length ?? 0, maximumPositions);
      const amd = parameters.formats.includes('amd')
        ? new AmdRecorder(runner.opened.model.graph, runner.opened.info.architecture)
        : undefined;
      const observed = amd === undefined ? {} : observedParts(runner, amd.observe);
      return withEagerModel(runner, { granularity, strict, capacity, ...observed }, (model) =>
        runOn(runner, { model, prompts, windows, amd }, context),
      );
    },
  );
}

async function runOn(
  runner: Runner,
  { model, prompts, windows, amd }: Omit<TaskSubjects, 'runner'>,
  context: WorkContext<RunParameters>,
): Promise<WorkResult> {
  const { parameters, outputDirectory } = context;
  const { engine, opened } = runner;
  const devices = runner.devices.map(({ name }) => name);
  const results = await runTasks(context, { runner, model, prompts, windows, amd });
  const subjects = { opened, engine, model, devices, parameters, prompts, results };
  const report = runReport(subjects);
  writeFileSync(join(outputDirectory, 'report.json'), `${JSON.stringify(report, null, 2)}\n`);
  const files = {
    ...placementFiles(subjects),
    ...amd?.files(),
    ...profileFiles(results.profile),
  };
  for (const [name, text] of Object.entries(files)) {
    writeFileSync(join(outputDirectory, name), text);
  }
  return { metrics: runMetrics(devices[0] ?? 'cpu', model, prompts, results) };
}

function placementFiles(subjects: Pick<ReportSubjects, 'model' | 'devices' | 'prompts' | 'results'>): {
  readonly [name: string]: string;
} {
  const { model, devices } = subjects;
  const { placement, faults } = model;
  const tokens = passTokens(subjects);
  const passes = tokens.map((count) => placementAt(placement, count));
  const tables = passTables(placement, tokens, subjects.results.profile);
  return {
    'placement.md': placementPage(placement, passes, devices, faults),
    'placement.html': placementHtml(tables, devices, faults),
  };
}
