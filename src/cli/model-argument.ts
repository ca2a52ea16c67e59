import { statSync } from 'node:fs';
import { QuernError } from '../errors.js';
import type { CommonOptions } from './options.js';

/** The directory of the model that a call names: a directory itself, or a recipe and the stage that made the model. */
export async function modelDirectory(
  model: string,
  stage: string | undefined,
  options: CommonOptions,
): Promise<string> {
  const isDirectory = statSync(model, { throwIfNoEntry: false })?.isDirectory();
  if (isDirectory === undefined) throw new QuernError('usage', `${model} does not exist`);
  if (isDirectory && stage === undefined) return model;
  if (isDirectory || stage === undefined) {
    throw new QuernError('usage', isDirectory ? `${model} is a directory, not a recipe` : `${model} is no directory`, {
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
