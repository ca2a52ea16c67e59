import { planStages } from '../../build/plan.js';
import { readRunLog, runsOf } from '../../build/runs.js';
import type { ExitCode } from '../../errors.js';
import { exitCodes, QuernError } from '../../errors.js';
import type { ResolvedStage } from '../../recipe/load.js';
import type { CommonOptions } from '../options.js';
import { printJson } from '../output.js';
import type { Project } from '../project.js';
import { chooseStages, findStage, openProject } from '../project.js';

interface StageLog {
  readonly status: 'built' | 'failed';
  readonly finishedAt: string;
  readonly lines: readonly string[];
  /** Why the stage failed. */
  readonly error?: string;
}

/** `quern log RECIPE STAGE`: what a stage printed when its result was made or, without a result, when it last failed. */
export async function log(recipeFile: string, stageName: string, options: CommonOptions): Promise<ExitCode> {
  const project = await openProject(recipeFile, options);
  const stage = findStage(project.recipe, stageName);
  const found = (await logOfResult(project, stage)) ?? logOfFailure(project, stage);
  if (found === undefined) {
    throw new QuernError('stage', `stage ${stage.name} has no result of the recipe as it is now, and did not fail`, {
      suggestion: `build it: quern build ${project.recipe.file} ${stage.name}`,
    });
  }
  if (options.json) {
    printJson({ recipe: project.recipe.file, stage: stage.name, ...found });
    return exitCodes.done;
  }
  process.stdout.write(found.lines.map((line) => `${line}\n`).join(''));
  if (found.error !== undefined) process.stderr.write(`failed: ${found.error}\n`);
  else if (found.lines.length === 0) process.stderr.write(`${stage.name} printed nothing.\n`);
  return exitCodes.done;
}

async function logOfResult(
  { recipe, store, config, offline }: Project,
  stage: ResolvedStage,
): Promise<StageLog | undefined> {
  const plans = await planStages(store, await chooseStages(recipe, [stage.name], { offline }), { epoch: config.epoch });
  const plan = plans.find((candidate) => candidate.stage.name === stage.name);
  if (plan?.state !== 'cached') return undefined;
  const text = store.readBlob(plan.record.log);
  if (text === undefined) {
    throw new QuernError('cache', `the log of stage ${stage.name} is missing from the cache or was damaged`, {
      suggestion: `build it again: quern build ${recipe.file} --force=${stage.name}`,
    });
  }
  const lines = text.toString().split('\n').slice(0, -1);
  return { status: 'built', finishedAt: plan.record.finishedAt, lines };
}

function logOfFailure({ recipe, store }: Project, stage: ResolvedStage): StageLog | undefined {
  for (const run of runsOf(store, recipe.path)) {
    const outcome = run.stages.find(({ name }) => name === stage.name);
    if (outcome?.status !== 'failed') continue;
    return {
      status: 'failed',
      finishedAt: outcome.endedAt,
      lines: readRunLog(store, run.id, stage.name),
      error: outcome.error?.message ?? 'for an unknown reason',
    };
  }
  return undefined;
}
