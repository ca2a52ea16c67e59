import { availableParallelism } from 'node:os';
import type { BuildResult } from '../build/build.js';
import type { BuildListener } from '../build/events.js';
import type { PlanOptions } from '../build/plan.js';
import { RunLog } from '../build/run-log.js';
import type { ResolvedStage } from '../recipe/load.js';
import type { Project } from './project.js';
import { memoryBudgetBytes } from './project.js';

/** What a call says of a build beside the settings of its project. */
export interface ProjectBuildOptions extends PlanOptions {
  readonly memory?: number | undefined;
  readonly jobs?: number | undefined;
  readonly keepGoing?: boolean | undefined;
  /** Aborted: what runs is finished, nothing new is started. */
  readonly stop: AbortSignal;
  /** Aborted: what runs is killed. */
  readonly kill: AbortSignal;
  readonly listener: BuildListener;
}

/** Builds stages on this machine, and logs it in the store. */
export async function buildInProject(
  project: Project,
  stages: readonly ResolvedStage[],
  { memory, jobs, keepGoing, listener, ...options }: ProjectBuildOptions,
): Promise<BuildResult> {
  await project.store.sweepSandboxes();
  const runLog = new RunLog(project.store);
  const [{ buildStages }, { LocalExecutor }] = await Promise.all([
    import('../build/build.js'),
    import('../build/executors/local.js'),
  ]);
  try {
    return await buildStages(project.store, project.recipe, stages, {
      ...options,
      executor: new LocalExecutor(),
      kindModules: project.config.kindModules,
      memoryBytes: memoryBudgetBytes(project, memory),
      jobs: jobs ?? availableParallelism(),
      keepGoing: keepGoing === true,
      epoch: project.config.epoch,
      listener: (event) => {
        runLog.write(event);
        listener(event);
      },
    });
  } finally {
    runLog.close();
  }
}
