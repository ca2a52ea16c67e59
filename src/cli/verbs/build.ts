import type { BuildResult } from '../../build/build.js';
import type { LockFile } from '../../build/lock-file.js';
import { lockFilePath, readLockFile } from '../../build/lock-file.js';
import { skippedOutcome } from '../../build/outcomes.js';
import type { PlanOptions } from '../../build/plan.js';
import { recordBuild } from '../../build/record-build.js';
import type { ExitCode } from '../../errors.js';
import { exitCodes, QuernError, unreachable } from '../../errors.js';
import type { Recipe, ResolvedStage } from '../../recipe/load.js';
import { buildInProject } from '../build-in-project.js';
import { cleanStore } from '../clean-store.js';
import { DownloadProgress } from '../download-progress.js';
import { addToStepSummary, annotate, outcomeAnnotations } from '../github.js';
import { InterruptSignals } from '../interrupts.js';
import { writeJunitFile } from '../junit-file.js';
import type { BuildCommandOptions } from '../options.js';
import { printJson } from '../output.js';
import { chooseRenderer } from '../progress/choose.js';
import type { Project } from '../project.js';
import {
  defaultRecipe,
  findStages,
  locatedStages,
  memoryBudgetBytes,
  openProject,
  requireMemory,
  selectedStages,
} from '../project.js';
import { plan } from './plan.js';

/** `quern build [RECIPE] [STAGE...]` */
export async function build(
  recipeFile: string | undefined,
  stageNames: readonly string[],
  options: BuildCommandOptions,
): Promise<ExitCode> {
  if (options.dryRun) return plan(recipeFile, stageNames, options);
  const project = await openProject(defaultRecipe(recipeFile), options);
  const { recipe, store } = project;
  const selected = selectedStages(recipe, stageNames);
  requireMemory(project, selected, memoryBudgetBytes(project, options.memory));
  const locked = options.frozen ? requireLockFile(recipe) : undefined;
  const progress = new DownloadProgress(options.progress);
  const remote = { offline: options.offline, locked, download: true, onProgress: progress.report };
  const stages = await locatedStages(recipe, selected, remote).finally(progress.close);
  const early = locked === undefined ? [] : await plannedDifferences(project, stages, locked);
  const result = early.length > 0 ? nothingBuilt(stages) : await runBuild(project, stages, options);
  const differences = early.length > 0 ? early : recordBuild(store, recipe, stages, result, locked);
  await publishResult(project, stages, result, differences, options);
  if (result.stages.some(({ status }) => status === 'built')) await cleanStore(project, options.progress);
  return differences.length > 0 ? exitCodes.frozenDiffers : exitCodeOf(result);
}

/** What `--frozen` can say before anything runs. */
async function plannedDifferences(
  { store, config }: Project,
  stages: readonly ResolvedStage[],
  locked: LockFile,
): Promise<string[]> {
  const [{ planStages }, frozen] = await Promise.all([import('../../build/plan.js'), import('../../build/frozen.js')]);
  return frozen.plannedDifferences(store, await planStages(store, stages, { epoch: config.epoch }), locked);
}

function nothingBuilt(stages: readonly ResolvedStage[]): BuildResult {
  const outcomes = stages.map((stage) => skippedOutcome(stage, 'the lock file differs'));
  return { status: 'failed', durationMs: 0, stages: outcomes, records: new Map() };
}

/** Builds with everything that shows it. */
async function runBuild(
  project: Project,
  stages: readonly ResolvedStage[],
  options: BuildCommandOptions,
): Promise<BuildResult> {
  const renderer = await chooseRenderer(options.progress, { verbose: options.verbose === true });
  const interrupts = new InterruptSignals(() => renderer.note('finishing what runs; interrupt again to stop it'));
  const { memory, jobs, keepGoing } = options;
  try {
    return await buildInProject(project, stages, {
      ...{ memory, jobs, keepGoing },
      stop: interrupts.stop,
      kill: interrupts.kill,
      listener: (event) => renderer.handle(event),
      ...forceOption(project.recipe, options.force),
    });
  } finally {
    interrupts.release();
    await renderer.close();
  }
}

/** Tells the result to whoever listens: standard output, the CI service, a JUnit file. */
async function publishResult(
  { recipe }: Project,
  stages: readonly ResolvedStage[],
  { status, durationMs, stages: outcomes }: BuildResult,
  differences: readonly string[],
  options: BuildCommandOptions,
): Promise<void> {
  const summary = { recipe: recipe.file, status, durationMs, stages: outcomes };
  if (options.json) printJson({ ...summary, ...(options.frozen ? { differences } : {}) });
  for (const line of differences) process.stderr.write(`frozen: ${line}\n`);
  const frozen = differences.map((message) => ({
    level: 'error' as const,
    title: 'the lock file differs',
    message,
    location: { file: lockFilePath(recipe) },
  }));
  await annotate([...outcomeAnnotations(stages, outcomes), ...frozen]);
  await addToStepSummary(summary);
  if (options.junit !== undefined) await writeJunitFile(options.junit, summary);
}

function forceOption(recipe: Recipe, force: BuildCommandOptions['force']): PlanOptions {
  if (force === undefined) return {};
  return {
    force:
      force === true ? 'all' : new Set(force.flatMap((name) => findStages(recipe, name).map((stage) => stage.name))),
  };
}

function requireLockFile(recipe: Recipe): LockFile {
  const lock = readLockFile(recipe);
  if (lock !== undefined) return lock;
  throw new QuernError('recipe', `${recipe.file} has no lock file, so --frozen has nothing to compare with`, {
    suggestion: `build once without --frozen and check ${lockFilePath(recipe)} in`,
  });
}

function exitCodeOf(result: BuildResult): ExitCode {
  switch (result.status) {
    case 'ok':
      return exitCodes.done;
    case 'failed':
      return exitCodes.stageFailed;
    case 'gate':
      return exitCodes.gateMissed;
    case 'interrupted':
      return exitCodes.interrupted;
    default:
      return unreachable(result.status);
  }
}
