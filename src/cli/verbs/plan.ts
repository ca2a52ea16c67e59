import type { Estimate } from '../../build/estimates.js';
import { planStages } from '../../build/plan.js';
import type { Expectation } from '../../build/preflight.js';
import { expectationOf, memoryWarnings, plannedEstimates } from '../../build/preflight.js';
import { Explainer } from '../../build/why.js';
import type { ExitCode } from '../../errors.js';
import { exitCodes } from '../../errors.js';
import { formatBytes, formatDuration } from '../../format.js';
import type { PlanCommandOptions } from '../options.js';
import { formatTable, printJson } from '../output.js';
import { chooseStages, defaultRecipe, memoryBudgetBytes, openProject, requireMemory } from '../project.js';

const stateTexts = { cached: 'cached', run: 'build', pending: 'build if its input changes' } as const;

/** `quern plan [RECIPE] [STAGE...]`: what a build would do with each stage. Builds and writes nothing. */
export async function plan(
  recipeFile: string | undefined,
  stageNames: readonly string[],
  options: PlanCommandOptions,
): Promise<ExitCode> {
  const project = await openProject(defaultRecipe(recipeFile), options);
  const { recipe, store, config } = project;
  const stages = await chooseStages(recipe, stageNames, options);
  const budgetBytes = memoryBudgetBytes(project, options.memory);
  requireMemory(project, stages, budgetBytes);
  const plans = await planStages(store, stages, { epoch: config.epoch });
  const estimates = plannedEstimates(store, recipe, plans);
  const expected = expectationOf(store, plans, estimates);
  const warnings = memoryWarnings(plans, estimates, budgetBytes);
  const explainer = new Explainer(store, recipe, plans);
  const explained = await Promise.all(
    plans.map(async (entry) => ({ entry, explanation: await explainer.explain(entry.stage.name) })),
  );
  if (options.json) {
    printJson({
      recipe: recipe.file,
      expected,
      warnings,
      stages: explained.map(({ entry, explanation }) => ({
        name: entry.stage.name,
        kind: entry.stage.kind.name,
        state: entry.state,
        key: entry.state === 'pending' ? null : entry.concrete.key,
        ...(entry.state === 'pending' ? { downloads: entry.downloads } : {}),
        summary: explanation.summary,
        reasons: explanation.reasons,
      })),
    });
    return exitCodes.done;
  }
  const rows = explained.map(({ entry, explanation }) => [
    entry.stage.name,
    `${entry.stage.kind.name}${partsText(estimates.get(entry.stage.name))}`,
    entry.state === 'pending' && entry.downloads.length > 0 ? 'download and build' : stateTexts[entry.state],
    entry.state === 'cached' ? '' : explanation.summary,
  ]);
  const lines = [
    ...formatTable(rows),
    `${plans.length} stages, ${expected.stages} to build. quern build ${recipe.file}`,
  ];
  process.stdout.write(`${[...lines, ...expectationLines(expected), ...warnings].join('\n')}\n`);
  return exitCodes.done;
}

/** ` (24 decoder layers)`: the parts a stage had the last time. */
function partsText(estimate: Estimate | undefined): string {
  const parts = Object.entries(estimate?.parts ?? {}).map(([unit, count]) => `${count} ${unit}`);
  return parts.length === 0 ? '' : ` (${parts.join(', ')})`;
}

/** What the stages to build took the last time, and whether the disk has room for them. */
function expectationLines({ stages, known, durationMs, sizeBytes, peakRssBytes, freeBytes }: Expectation): string[] {
  if (stages === 0 || known === 0) return [];
  const of = known === stages ? 'they' : `${known} of them`;
  const took = `The last time ${of} took ${formatDuration(durationMs)}, ${formatBytes(sizeBytes)} of disk and ${formatBytes(peakRssBytes)} of memory.`;
  return [sizeBytes <= freeBytes ? took : `${took} Only ${formatBytes(freeBytes)} are free where the cache is.`];
}
