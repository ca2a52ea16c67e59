import { planStages } from '../../build/plan.js';
import { downloadText } from '../../build/why.js';
import type { ExitCode } from '../../errors.js';
import { exitCodes } from '../../errors.js';
import { formatBytes, formatDuration } from '../../format.js';
import type { CommonOptions } from '../options.js';
import { formatTable, printJson } from '../output.js';
import { chooseStages, defaultRecipe, openProject } from '../project.js';

/** `quern status [RECIPE]`: which stages have a result in the store, how large it is and what it cost. */
export async function status(recipeFile: string | undefined, options: CommonOptions): Promise<ExitCode> {
  const { recipe, store, config } = await openProject(defaultRecipe(recipeFile), options);
  const plans = await planStages(store, await chooseStages(recipe, [], options), { epoch: config.epoch });
  if (options.json) {
    const stages = plans.map((plan) => ({
      name: plan.stage.name,
      kind: plan.stage.kind.name,
      state: plan.state,
      key: plan.state === 'pending' ? null : plan.concrete.key,
      digest: plan.state === 'cached' ? plan.record.artifact : null,
      sizeBytes: plan.state === 'cached' ? plan.record.sizeBytes : null,
      finishedAt: plan.state === 'cached' ? plan.record.finishedAt : null,
      durationMs: plan.state === 'cached' ? plan.record.durationMs : null,
    }));
    printJson({ recipe: recipe.file, store: store.root, stages });
    return exitCodes.done;
  }
  const rows = plans.map((plan) => {
    if (plan.state === 'run') return [plan.stage.name, plan.stage.kind.name, 'to build'];
    if (plan.state === 'pending')
      return [plan.stage.name, plan.stage.kind.name, 'waits', plan.downloads.map(downloadText).join('; ')];
    const { record } = plan;
    const cost = `${formatBytes(record.sizeBytes)}, built in ${formatDuration(record.durationMs)} on ${record.finishedAt.slice(0, 16).replace('T', ' ')}`;
    return [plan.stage.name, plan.stage.kind.name, 'up to date', cost];
  });
  process.stdout.write(`${formatTable(rows).join('\n')}\n`);
  return exitCodes.done;
}
