import { planStages } from '../build/plan.js';
import type { ActionRecord } from '../build/record.js';
import { QuernError } from '../errors.js';
import type { ResolvedStage } from '../recipe/load.js';
import type { CommonOptions } from './options.js';
import type { Project } from './project.js';
import { chooseStages, findStage, openProject } from './project.js';

/** A stage that has a result. */
export interface FinishedStage {
  readonly project: Project;
  readonly stage: ResolvedStage;
  readonly record: ActionRecord;
}

/** Finds a stage and its result in the store; a stage without one is an error that says how to get it. */
export async function openFinishedStage(
  recipeFile: string,
  stageName: string,
  options: CommonOptions,
): Promise<FinishedStage> {
  const project = await openProject(recipeFile, options);
  const { recipe, store, config } = project;
  const stage = findStage(recipe, stageName);
  const plans = await planStages(store, await chooseStages(recipe, [stage.name], options), { epoch: config.epoch });
  const plan = plans.find((candidate) => candidate.stage.name === stage.name);
  if (plan?.state === 'cached') return { project, stage, record: plan.record };
  throw new QuernError('stage', `stage ${stage.name} has no result of the recipe as it is now`, {
    suggestion: `build it: quern build ${recipe.file} ${stage.name}`,
  });
}
