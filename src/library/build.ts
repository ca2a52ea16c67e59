import { availableParallelism } from 'node:os';
import type { BuildResult } from '../build/build.js';
import { buildStages } from '../build/build.js';
import { collectAfterBuild } from '../build/collect.js';
import type { BuildListener } from '../build/events.js';
import { LocalExecutor } from '../build/executors/local.js';
import { locateStages } from '../build/locate-stages.js';
import { defaultMemoryBytes } from '../build/memory-budget.js';
import type { StagePlan } from '../build/plan.js';
import { planStages, selectStages } from '../build/plan.js';
import { recordBuild } from '../build/record-build.js';
import { RunLog } from '../build/run-log.js';
import type { Explanation } from '../build/why.js';
import { Explainer } from '../build/why.js';
import { QuernError } from '../errors.js';
import type { Recipe, ResolvedStage } from '../recipe/load.js';
import { matchingStages, nearestStage } from '../recipe/select.js';
import type { ProjectOptions } from './project.js';
import { openProject } from './project.js';

export interface PlanOptions extends ProjectOptions {
  /** Names or patterns of the stages that are wanted; what they need comes along. Default: all. */
  readonly stages?: readonly string[];
  /** Stages that are built even when they have a result: their names or patterns, or all. */
  readonly force?: readonly string[] | 'all';
  /** Whether the network is left alone: sources of `hf:` and `url:` have to be on this machine. */
  readonly offline?: boolean;
}

export interface BuildOptions extends PlanOptions {
  /** How many actions run at once at the most. Default: as many as there are cores. */
  readonly jobs?: number;
  /** Memory that the actions running at once may use, in bytes. Default: the configuration's, else most of the machine's. */
  readonly memoryBytes?: number;
  /** Whether stages that don't depend on a failed one still run. */
  readonly keepGoing?: boolean;
  /** Called for everything that happens, in order. It should return soon, and not throw. */
  readonly onEvent?: BuildListener;
  /** Aborted: what runs is finished, nothing new is started. */
  readonly stop?: AbortSignal;
  /** Aborted: what runs is killed. */
  readonly kill?: AbortSignal;
}

/** A stage, what a build would do with it, and why. */
export interface PlannedStage {
  readonly plan: StagePlan;
  readonly explanation: Explanation;
}

/**
 * Builds a recipe as `quern build` does: into the same store, with its lock file brought up to date, and without printing
 * anything. Stages that fail are part of the result; thrown is only what keeps the build from starting.
 */
export async function build(recipe: Recipe, options: BuildOptions = {}): Promise<BuildResult> {
  const { store, kindModules, epoch, cacheBounds, ...project } = await openProject(recipe, options);
  const stages = await chooseStages(recipe, options, { download: true });
  await store.sweepSandboxes();
  const runLog = new RunLog(store);
  const never = new AbortController().signal;
  try {
    const result = await buildStages(store, recipe, stages, {
      executor: new LocalExecutor(),
      kindModules,
      memoryBytes: options.memoryBytes ?? project.memoryBytes ?? defaultMemoryBytes(),
      epoch,
      jobs: options.jobs ?? availableParallelism(),
      keepGoing: options.keepGoing === true,
      stop: options.stop ?? never,
      kill: options.kill ?? never,
      listener: (event) => {
        runLog.write(event);
        options.onEvent?.(event);
      },
      ...forceOption(recipe, options.force),
    });
    recordBuild(store, recipe, stages, result);
    await collectAfterBuild(store, cacheBounds);
    return result;
  } finally {
    runLog.close();
  }
}

/** What a build would do with each stage, and why. Builds and writes nothing. */
export async function plan(recipe: Recipe, options: PlanOptions = {}): Promise<PlannedStage[]> {
  const { store, epoch } = await openProject(recipe, options);
  const plans = await planStages(store, await chooseStages(recipe, options, { download: false }), {
    epoch,
    ...forceOption(recipe, options.force),
  });
  const explainer = new Explainer(store, recipe, plans);
  return Promise.all(
    plans.map(async (entry) => ({ plan: entry, explanation: await explainer.explain(entry.stage.name) })),
  );
}

async function chooseStages(
  recipe: Recipe,
  { stages = [], offline }: PlanOptions,
  { download }: { readonly download: boolean },
): Promise<readonly ResolvedStage[]> {
  const chosen = selectStages(recipe, namesOf(recipe, stages));
  const located = await locateStages(recipe, chosen, { offline, download });
  const [problem] = located.problems;
  if (problem === undefined) return located.stages;
  const { message, location, suggestion } = problem;
  throw new QuernError('input', message, { location, ...(suggestion === undefined ? {} : { suggestion }) });
}

/** The stages that names or patterns stand for, as on the command line. */
function namesOf(recipe: Recipe, patterns: readonly string[]): string[] {
  return patterns.flatMap((pattern) => {
    const found = matchingStages(recipe.stages, pattern);
    if (found.length > 0) return found.map(({ name }) => name);
    const near = nearestStage(recipe.stages, pattern);
    throw new QuernError('usage', `${recipe.file} has no stage \`${pattern}\``, {
      ...(near === undefined ? {} : { suggestion: `did you mean \`${near}\`?` }),
    });
  });
}

function forceOption(recipe: Recipe, force: PlanOptions['force']): { force?: ReadonlySet<string> | 'all' } {
  if (force === undefined) return {};
  return { force: force === 'all' ? 'all' : new Set(namesOf(recipe, force)) };
}
