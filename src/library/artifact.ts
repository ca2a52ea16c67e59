import { viewTree } from '../build/views.js';
import { QuernError } from '../errors.js';
import type { Recipe } from '../recipe/load.js';
import { isDigest } from '../store/digest.js';
import type { ProjectOptions } from './project.js';
import { openProject } from './project.js';

/**
 * A directory with the files of an artifact, by the `digest` of a stage's outcome. The files are shared with the store
 * and read-only. A `QuernError` when the store does not have it.
 */
export async function artifactDirectory(recipe: Recipe, digest: string, options: ProjectOptions = {}): Promise<string> {
  if (!isDigest(digest)) throw new QuernError('usage', `${digest} is not the digest of an artifact`);
  const { store } = await openProject(recipe, options);
  return viewTree(store, digest);
}
