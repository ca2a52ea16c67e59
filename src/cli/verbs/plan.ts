import { planStages } from '../../build/plan.js';
import { Explainer } from '../../build/why.js';
import type { ExitCode } from '../../errors.js';
import { exitCodes } from '../../errors.js';
import type { CommonOptions } from '../options.js';
import { formatTable, printJson } from '../output.js';
import { chooseStages, defaultRecipe, openProject } from '../project.js';

const stateTexts = { cached: 'cached', run: 'build', pending: 'build if its input changes' } as const;

/** `quern plan [RECIPE] [STAGE...]`: what a build would do with each stage. Builds and writes nothing. */
export async function plan(
  recipeFile: string | undefined,
  stageNames: readonly string[],
  options: CommonOptions,
): Promise<ExitCode> {
  const { recipe, store, config } = await openProject(defaultRecipe(recipeFile), options);
  const stages = chooseStages(recipe, stageNames);
  const plans = await planStages(store, stages, { epoch: config.epoch });
  const explainer = new Explainer(store, recipe, plans);
  const explained = await Promise.all(
    plans.map(async (entry) => ({ entry, explanation: await explainer.explain(entry.stage.name) })),
  );
  if (options.json) {
    printJson({
      recipe: recipe.file,
      stages: explained.map(({ entry, explanation }) => ({
        name: entry.stage.name,
        kind: entry.stage.kind.name,
        state: entry.state,
        key: entry.state === 'pending' ? null : entry.concrete.key,
        summary: explanation.summary,
        reasons: explanation.reasons,
      })),
    });
    return exitCodes.done;
  }
  const rows = explained.map(({ entry, explanation }) => [
    entry.stage.name,
    entry.stage.kind.name,
    stateTexts[entry.state],
    entry.state === 'cached' ? '' : explanation.summary,
  ]);
  const toBuild = plans.filter(({ state }) => state !== 'cached').length;
  process.stdout.write(
    `${formatTable(rows).join('\n')}\n${plans.length} stages, ${toBuild} to build. quern build ${recipe.file}\n`,
  );
  return exitCodes.done;
}
