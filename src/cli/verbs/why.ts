import type { Difference } from '../../build/differences.js';
import { planStages } from '../../build/plan.js';
import type { Explanation } from '../../build/why.js';
import { Explainer } from '../../build/why.js';
import type { ExitCode } from '../../errors.js';
import { exitCodes } from '../../errors.js';
import type { Recipe } from '../../recipe/load.js';
import type { CommonOptions } from '../options.js';
import { formatValue, printJson } from '../output.js';
import { chooseStages, findStage, openProject } from '../project.js';

/** `quern why RECIPE STAGE`: the fields that make a stage be built, with their values before and after. */
export async function why(recipeFile: string, stageName: string, options: CommonOptions): Promise<ExitCode> {
  const { recipe, store, config } = await openProject(recipeFile, options);
  const stage = findStage(recipe, stageName);
  const plans = await planStages(store, await chooseStages(recipe, [], options), { epoch: config.epoch });
  const explanation = await new Explainer(store, recipe, plans).explain(stage.name);
  if (options.json) printJson(explanation);
  else
    process.stdout.write(
      `${[...explanationLines(recipe, explanation, ''), ...dependentsLine(recipe, stage.name)].join('\n')}\n`,
    );
  return exitCodes.done;
}

function explanationLines(recipe: Recipe, explanation: Explanation, indent: string): string[] {
  const reasons = explanation.reasons.map(
    (reason) => `${indent}  ${differenceText(recipe, explanation.stage, reason)}`,
  );
  const inputs = explanation.inputs.flatMap((input) => explanationLines(recipe, input, `${indent}  `));
  return [`${indent}${explanation.summary}`, ...reasons, ...inputs];
}

function differenceText(recipe: Recipe, stageName: string, { field, before, after }: Difference): string {
  const stage = recipe.stages.find(({ name }) => name === stageName);
  const pointer = field
    .replace(/^parameters\./, '')
    .replaceAll(/\[(\d+)\]/g, '.$1')
    .split('.');
  const isParameter = field.startsWith('parameters.');
  const origin = stage?.variables.find(
    (variable) => isParameter && variable.pointer.every((part, index) => pointer[index] === part),
  );
  const location = origin?.location ?? (isParameter ? stage?.locate(pointer) : undefined);
  const place =
    location === undefined
      ? ''
      : `   ${location.file}:${location.line}${origin === undefined ? '' : ` (${origin.name})`}`;
  const target = after === null && field.startsWith('inputs.') ? 'not known yet' : formatValue(after);
  return `${field.replace(/^parameters\./, '')} ${formatValue(before)} -> ${target}${place}`;
}

/** Names the stages that need this one, directly or through others. */
function dependentsLine(recipe: Recipe, stageName: string): string[] {
  const dependents = new Set([stageName]);
  for (const stage of recipe.stages) {
    if (Object.values(stage.inputs).some((producer) => dependents.has(producer))) dependents.add(stage.name);
  }
  dependents.delete(stageName);
  const names = [...dependents];
  if (names.length === 0) return [];
  return [
    names.length === 1
      ? `${names[0]} depends on it.`
      : `${names.slice(0, -1).join(', ')} and ${names.at(-1)} depend on it.`,
  ];
}
