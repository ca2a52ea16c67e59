import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { QuernError } from '../errors.js';
import type { CommonOptions } from './options.js';

/**
 * The directory of the model that a call names: one that quern wrote, a recipe and the stage that made the model, or
 * anything that a `load` stage takes, which is loaded.
 */
export async function modelDirectory(
  model: string,
  stage: string | undefined,
  options: CommonOptions,
): Promise<string> {
  const isOnHub = model.startsWith('hf:');
  const found = isOnHub ? undefined : statSync(model, { throwIfNoEntry: false });
  if (!isOnHub && found === undefined) throw new QuernError('usage', `${model} does not exist`);
  const isRecipe = /\.ya?ml$/i.test(model) && found?.isFile() === true;
  if (stage === undefined && !isRecipe) {
    if (existsSync(join(model, 'quern.json'))) return model;
    return (await import('./loaded-checkpoint.js')).loadedCheckpoint(model, options);
  }
  if (stage === undefined || found?.isFile() !== true) {
    throw new QuernError('usage', isRecipe ? `${model} is a recipe` : `${model} is no recipe`, {
      suggestion: 'name the directory of a model, or a recipe and one of its stages',
    });
  }
  const [{ openFinishedStage }, { viewTree }] = await Promise.all([
    import('./finished.js'),
    import('../build/views.js'),
  ]);
  const { project, record } = await openFinishedStage(model, stage, options);
  return viewTree(project.store, record.artifact);
}
