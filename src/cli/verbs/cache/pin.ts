import { basename, resolve } from 'node:path';
import { claimRecord, planStages } from '../../../build/plan.js';
import type { ExitCode } from '../../../errors.js';
import { exitCodes, QuernError } from '../../../errors.js';
import type { Recipe } from '../../../recipe/load.js';
import type { Pin } from '../../../store/pins.js';
import { listPins, removePin, writePin } from '../../../store/pins.js';
import type { Store } from '../../../store/store.js';
import type { CacheOptions, PinCommandOptions } from '../../cache-options.js';
import { formatTable, printJson } from '../../output.js';
import { chooseStages, openProject, openStore } from '../../project.js';

/** `quern cache pin RECIPE [STAGE...]`: keeps what a build of these stages finds in the store now. */
export async function cachePin(
  recipeFile: string | undefined,
  stageNames: readonly string[],
  options: PinCommandOptions,
): Promise<ExitCode> {
  if (options.list === true) return listAll(await openStore(options), options);
  if (recipeFile === undefined) throw noRecipe('pin');
  const { recipe, store, config } = await openProject(recipeFile, { ...options, set: new Map() });
  const stages = await chooseStages(recipe, stageNames, {});
  const use = store.beginUse();
  try {
    const plans = await planStages(store, stages, { epoch: config.epoch });
    const pinnedAt = new Date().toISOString();
    const pins: Pin[] = [];
    for (const plan of plans) {
      const stage = plan.stage.name;
      const record = plan.state === 'cached' ? await claimRecord(store, plan.concrete.key) : undefined;
      if (record === undefined) throw notBuilt(recipe, stage);
      pins.push({ recipe: recipe.path, stage, key: record.key, pinnedAt });
    }
    for (const pin of pins) writePin(store.layout, pin);
    report(store, 'pinned', pins, options);
    return exitCodes.done;
  } finally {
    use.end();
  }
}

/** `quern cache unpin RECIPE [STAGE...]`: ends the pins of stages, in whatever state of the recipe they were made. */
export async function cacheUnpin(
  recipeFile: string | undefined,
  stageNames: readonly string[],
  options: CacheOptions,
): Promise<ExitCode> {
  if (recipeFile === undefined) throw noRecipe('unpin');
  const store = await openStore(options);
  const ofRecipe = listPins(store.layout).filter(({ recipe }) => recipe === resolve(recipeFile));
  const unknown = stageNames.find((name) => !ofRecipe.some(({ stage }) => stage === name));
  if (ofRecipe.length === 0 || unknown !== undefined) {
    const what =
      unknown === undefined ? `${recipeFile} has no pins` : `stage ${unknown} of ${recipeFile} is not pinned`;
    throw new QuernError('usage', what, { suggestion: 'quern cache pin --list shows what is' });
  }
  const pins = ofRecipe.filter(({ stage }) => stageNames.length === 0 || stageNames.includes(stage));
  for (const pin of pins) removePin(store.layout, pin);
  report(store, 'unpinned', pins, options);
  return exitCodes.done;
}

function notBuilt(recipe: Recipe, stage: string): QuernError {
  return new QuernError('stage', `stage ${stage} has no result of the recipe as it is now`, {
    suggestion: `build it: quern build ${recipe.file} ${stage}`,
  });
}

function noRecipe(verb: string): QuernError {
  return new QuernError('usage', 'no recipe is given', {
    suggestion: `give one: quern cache ${verb} recipes/my-model.yaml`,
  });
}

function report(store: Store, verb: 'pinned' | 'unpinned', pins: readonly Pin[], options: CacheOptions): void {
  if (options.json) printJson({ store: store.root, [verb]: pins });
  else process.stdout.write(`${verb} ${pins.map(({ stage }) => stage).join(', ')}\n`);
}

function listAll(store: Store, options: CacheOptions): ExitCode {
  const pins = listPins(store.layout);
  if (options.json) printJson({ store: store.root, pins });
  else if (pins.length === 0) process.stdout.write('nothing is pinned.\n');
  else {
    const rows = pins.map(({ recipe, stage, key, pinnedAt }) => [
      `${basename(recipe)}:${stage}`,
      key.slice(0, 12),
      pinnedAt.slice(0, 10),
      recipe,
    ]);
    process.stdout.write(`${formatTable(rows).join('\n')}\n`);
  }
  return exitCodes.done;
}
