import { availableParallelism } from 'node:os';
import PQueue from 'p-queue';
import type { Recipe, ResolvedStage } from '../recipe/load.js';
import type { Digest } from '../store/digest.js';
import type { Store } from '../store/store.js';
import { remainingPaths } from './critical-path.js';
import { describeError } from './describe-error.js';
import { publishDestination } from './destinations.js';
import type { Estimate } from './estimates.js';
import { readEstimates } from './estimates.js';
import type { BuildListener, BuildStatus, StageOutcome } from './events.js';
import type { Executor } from './executors/executor.js';
import { defaultMemoryBytes } from './memory-budget.js';
import { failedOutcome, finishedOutcome, skippedOutcome } from './outcomes.js';
import type { PlanOptions } from './plan.js';
import { claimRecord, concreteAction, isForced } from './plan.js';
import type { ActionRecord } from './record.js';
import type { ResourceRequest } from './resources.js';
import { ResourcePool } from './resources.js';
import type { ActionResult } from './run-action.js';
import { runAction } from './run-action.js';
import { recordsIfUpToDate } from './up-to-date.js';

export interface BuildOptions extends PlanOptions {
  readonly executor: Executor;
  readonly kindModules: readonly string[];
  /** How many actions run at once at the most. */
  readonly jobs: number;
  /** Whether stages that don't depend on a failed one still run. */
  readonly keepGoing: boolean;
  /** Memory that the actions running at once may use by what is known of them. */
  readonly memoryBytes?: number;
  /** Aborted: what runs is finished, nothing new is started. */
  readonly stop: AbortSignal;
  /** Aborted: what runs is killed. */
  readonly kill: AbortSignal;
  readonly listener: BuildListener;
}

export interface BuildResult {
  readonly status: BuildStatus;
  readonly durationMs: number;
  /** In the order of the recipe. */
  readonly stages: readonly StageOutcome[];
  readonly records: ReadonlyMap<string, ActionRecord>;
}

/** What a stage is assumed to take as long as it has never run: Node.js, ONNX Runtime and some room. */
const unknownStage: Estimate = { durationMs: 10_000, peakRssBytes: 512 * 1024 ** 2, sizeBytes: 0 };
/** A priority given in the recipe counts more than any chain of stages. */
const priorityWeightMs = 1e12;
/** How many actions the executor gets ready for ahead of time. */
const preparedActions = 2;

/** Builds stages (in topological order): each as soon as its inputs are there, as far as cores and memory allow. */
export async function buildStages(
  store: Store,
  recipe: Recipe,
  stages: readonly ResolvedStage[],
  options: BuildOptions,
): Promise<BuildResult> {
  const known = await recordsIfUpToDate(store, stages, options);
  if (known !== undefined) return new Build(store, recipe, stages, options, known).run();
  options.executor.prepare(Math.min(preparedActions, options.jobs, stages.length));
  const use = store.beginUse();
  try {
    return await new Build(store, recipe, stages, options, new Map()).run();
  } finally {
    use.end();
  }
}

/** What the stages are expected to take. Read only when something has to be built. */
interface Expectations {
  readonly estimates: ReadonlyMap<string, Estimate>;
  /** Expected time of the longest chain that starts with a stage. */
  readonly remainingMs: ReadonlyMap<string, number>;
}

class Build {
  readonly #store: Store;
  readonly #recipe: Recipe;
  readonly #options: BuildOptions;
  readonly #queue: PQueue;
  readonly #resources: ResourcePool;
  /** Records that need not be looked for. */
  readonly #known: ReadonlyMap<string, ActionRecord>;
  readonly #records = new Map<string, ActionRecord>();
  readonly #stages: readonly ResolvedStage[];
  #expectations: Expectations | undefined;
  /** Stages that may still be run. */
  #remaining = 0;
  #failed = false;

  constructor(
    store: Store,
    recipe: Recipe,
    stages: readonly ResolvedStage[],
    options: BuildOptions,
    known: ReadonlyMap<string, ActionRecord>,
  ) {
    this.#store = store;
    this.#stages = stages;
    this.#known = known;
    this.#recipe = recipe;
    this.#options = options;
    this.#queue = new PQueue({ concurrency: options.jobs });
    const memoryBytes = options.memoryBytes ?? defaultMemoryBytes();
    this.#resources = new ResourcePool({ cores: availableParallelism(), memoryBytes });
  }

  async run(): Promise<BuildResult> {
    const startedMs = performance.now();
    const stages = this.#stages;
    const names = stages.map(({ name, kind }) => ({ name, kind: kind.name }));
    this.#options.listener({
      type: 'build-started',
      recipe: this.#recipe.file,
      recipePath: this.#recipe.path,
      stages: names,
    });
    this.#remaining = stages.length;
    const outcomes = new Map<string, Promise<StageOutcome>>();
    for (const stage of stages) outcomes.set(stage.name, this.#buildWhenReady(stage, outcomes));
    const ended = await Promise.all(outcomes.values());
    this.#options.executor.close();
    const durationMs = Math.round(performance.now() - startedMs);
    const status = this.#status(ended);
    this.#options.listener({ type: 'build-ended', status, durationMs });
    return { status, durationMs, stages: ended, records: this.#records };
  }

  #status(outcomes: readonly StageOutcome[]): BuildStatus {
    if (outcomes.some(({ status }) => status === 'failed'))
      return this.#options.kill.aborted ? 'interrupted' : 'failed';
    if (outcomes.some(({ status }) => status === 'skipped')) return 'interrupted';
    return outcomes.some(({ gates }) => gates.some(({ ok }) => !ok)) ? 'gate' : 'ok';
  }

  async #buildWhenReady(
    stage: ResolvedStage,
    outcomes: ReadonlyMap<string, Promise<StageOutcome>>,
  ): Promise<StageOutcome> {
    const producers = await Promise.all(Object.values(stage.inputs).map((name) => outcomes.get(name)));
    const missing = producers.find((outcome) => outcome?.status === 'failed' || outcome?.status === 'skipped');
    const outcome =
      missing === undefined
        ? await this.#buildStage(stage)
        : skippedOutcome(stage, `its input ${missing.name} was not built`);
    this.#remaining--;
    if (outcome.status === 'failed') this.#failed = true;
    this.#options.listener({ type: 'stage-ended', outcome });
    return outcome;
  }

  async #buildStage(stage: ResolvedStage): Promise<StageOutcome> {
    let key: string | null = null;
    try {
      const known = this.#known.get(stage.name);
      if (known !== undefined) return await this.#finish(stage, 'cached', known);
      const forced = isForced(stage.name, this.#options);
      const concrete = await concreteAction(this.#store, stage, this.#artifactOf, this.#options.epoch ?? 0);
      key = concrete.key;
      const cached = forced ? undefined : await claimRecord(this.#store, concrete.key);
      if (cached !== undefined) return await this.#finish(stage, 'cached', cached);
      const { estimates, remainingMs } = this.#expected();
      const { resources } = stage;
      const priority = resources.priority * priorityWeightMs + (remainingMs.get(stage.name) ?? 0);
      const request: ResourceRequest = {
        cores: resources.cores ?? coresOf(stage),
        memoryBytes: resources.memoryBytes ?? (estimates.get(stage.name) ?? unknownStage).peakRssBytes,
        mutexes: resources.mutexes,
      };
      const run = async (): Promise<ActionResult | undefined> => {
        if (this.#startsNothing()) return undefined;
        const release = await this.#resources.acquire(request);
        try {
          if (this.#startsNothing()) return undefined;
          this.#options.listener({ type: 'stage-started', stage: stage.name, reason: forced ? 'forced' : 'no result' });
          this.#options.executor.prepare(Math.min(preparedActions, this.#remaining - this.#queue.pending));
          return await runAction(this.#actionContext(stage), stage, concrete, forced);
        } finally {
          release();
        }
      };
      const result = await this.#queue.add(run, { priority });
      if (result === undefined)
        return skippedOutcome(stage, this.#failed ? 'another stage failed' : 'the build was interrupted');
      return result.ok
        ? await this.#finish(stage, result.status, result.record)
        : failedOutcome(stage, key, result.error);
    } catch (error) {
      return failedOutcome(stage, key, describeError(error));
    }
  }

  #expected(): Expectations {
    this.#expectations ??= expectationsOf(this.#stages, readEstimates(this.#store, this.#recipe, this.#stages));
    return this.#expectations;
  }

  #startsNothing(): boolean {
    return this.#options.stop.aborted || (this.#failed && !this.#options.keepGoing);
  }

  readonly #artifactOf = (stageName: string): Digest => {
    const record = this.#records.get(stageName);
    if (record === undefined) throw new Error(`stage ${stageName} has no record yet`);
    return record.artifact;
  };

  async #finish(stage: ResolvedStage, status: 'built' | 'cached', record: ActionRecord): Promise<StageOutcome> {
    this.#records.set(stage.name, record);
    const destination = await publishDestination(this.#store, stage, record.artifact);
    if (destination !== undefined) this.#options.listener({ type: 'stage-exported', stage: stage.name, destination });
    return finishedOutcome(stage, status, record);
  }

  #actionContext(stage: ResolvedStage): Parameters<typeof runAction>[0] {
    const { listener } = this.#options;
    return {
      store: this.#store,
      executor: this.#options.executor,
      kindModules: this.#options.kindModules,
      memoryLimitBytes: stage.resources.memoryBytes ?? this.#resources.capacity.memoryBytes,
      listener: {
        progress: (progress) => listener({ type: 'stage-progress', stage: stage.name, progress }),
        log: (line) => listener({ type: 'stage-log', stage: stage.name, line }),
      },
      onWait: (reason) => listener({ type: 'stage-waiting', stage: stage.name, reason }),
      stop: this.#options.stop,
      kill: this.#options.kill,
    };
  }
}

function expectationsOf(stages: readonly ResolvedStage[], estimates: ReadonlyMap<string, Estimate>): Expectations {
  const paths = stages.map(({ name, inputs }) => ({
    name,
    inputs: Object.values(inputs),
    expectedMs: (estimates.get(name) ?? unknownStage).durationMs,
  }));
  return { estimates, remainingMs: remainingPaths(paths) };
}

function coresOf(stage: ResolvedStage): number {
  return stage.kind.cores === 'one' ? 1 : availableParallelism();
}
