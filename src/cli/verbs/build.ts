import { availableParallelism } from 'node:os';
import type { BuildResult } from '../../build/build.js';
import type { BuildListener } from '../../build/events.js';
import { writeHistory } from '../../build/history.js';
import type { LockFile } from '../../build/lock-file.js';
import { lockDifferences, lockFileOf, lockFilePath, readLockFile, writeLockFile } from '../../build/lock-file.js';
import type { PlanOptions } from '../../build/plan.js';
import { RunLog } from '../../build/run-log.js';
import type { ExitCode } from '../../errors.js';
import { exitCodes, QuernError, unreachable } from '../../errors.js';
import type { Recipe, ResolvedStage } from '../../recipe/load.js';
import { InterruptSignals } from '../interrupts.js';
import type { BuildCommandOptions } from '../options.js';
import { printJson } from '../output.js';
import { chooseRenderer } from '../progress/choose.js';
import type { Project } from '../project.js';
import { chooseStages, defaultRecipe, findStage, openProject } from '../project.js';
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
  const stages = chooseStages(recipe, stageNames);
  const locked = options.frozen ? requireLockFile(recipe) : undefined;
  await store.sweepSandboxes();
  const renderer = await chooseRenderer(options.progress, { verbose: options.verbose === true });
  const runLog = new RunLog(store);
  const interrupts = new InterruptSignals(() => renderer.note('finishing what runs; interrupt again to stop it'));
  const listener: BuildListener = (event) => {
    runLog.write(event);
    renderer.handle(event);
  };
  let result: BuildResult;
  try {
    result = await runBuild(project, stages, options, interrupts, listener);
  } finally {
    interrupts.release();
    runLog.close();
    await renderer.close();
  }
  const differences = recordResult(project, result, locked);
  if (options.json)
    printJson({ recipe: recipe.file, status: result.status, durationMs: result.durationMs, stages: result.stages });
  for (const line of differences) process.stderr.write(`frozen: ${line}\n`);
  return differences.length > 0 ? exitCodes.frozenDiffers : exitCodeOf(result);
}

async function runBuild(
  project: Project,
  stages: readonly ResolvedStage[],
  options: BuildCommandOptions,
  interrupts: InterruptSignals,
  listener: BuildListener,
): Promise<BuildResult> {
  const [{ buildStages }, { LocalExecutor }] = await Promise.all([
    import('../../build/build.js'),
    import('../../build/executors/local.js'),
  ]);
  return buildStages(project.store, project.recipe, stages, {
    executor: new LocalExecutor(),
    kindModules: project.config.kindModules,
    jobs: options.jobs ?? availableParallelism(),
    keepGoing: options.keepGoing === true,
    epoch: project.config.epoch,
    stop: interrupts.stop,
    kill: interrupts.kill,
    listener,
    ...forceOption(project.recipe, options.force),
  });
}

function forceOption(recipe: Recipe, force: BuildCommandOptions['force']): PlanOptions {
  if (force === undefined) return {};
  return { force: force === true ? 'all' : new Set(force.map((name) => findStage(recipe, name).name)) };
}

function requireLockFile(recipe: Recipe): LockFile {
  const lock = readLockFile(recipe);
  if (lock !== undefined) return lock;
  throw new QuernError('recipe', `${recipe.file} has no lock file, so --frozen has nothing to compare with`, {
    suggestion: `build once without --frozen and check ${lockFilePath(recipe)} in`,
  });
}

/** Notes keys for `why`, and writes the lock file or, when frozen, compares with it. Returns the differences. */
function recordResult(project: Project, result: BuildResult, locked: LockFile | undefined): readonly string[] {
  const { recipe, store } = project;
  const keys = new Map([...result.records].map(([stage, record]) => [stage, record.key as string]));
  writeHistory(store, recipe, keys);
  const found = lockFileOf(recipe, result.records, (stage) => result.records.get(stage)?.action.sources ?? {});
  if (locked !== undefined) return lockDifferences(locked, found);
  writeLockFile(recipe, mergeLocks(recipe, readLockFile(recipe), found));
  return [];
}

/** Stages that were not part of the build keep their entries, as long as the recipe has them. */
function mergeLocks(recipe: Recipe, before: LockFile | undefined, found: LockFile): LockFile {
  if (before === undefined) return found;
  const kept = recipe.stages.map(({ name }) => name).filter((name) => !(name in found.stages));
  const keptStages = kept.flatMap((name) => {
    const entry = before.stages[name];
    return entry === undefined ? [] : [[name, entry] as const];
  });
  const keptSources = Object.entries(before.sources).filter(([source]) =>
    kept.some((name) => source.startsWith(`${name}.`)),
  );
  return {
    stages: { ...Object.fromEntries(keptStages), ...found.stages },
    sources: { ...Object.fromEntries(keptSources), ...found.sources },
  };
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
