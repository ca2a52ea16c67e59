import { existsSync, readFileSync, statSync } from 'node:fs';
import { basename, dirname, relative, resolve } from 'node:path';
import { selectStages } from '../build/plan.js';
import { sourceProblems } from '../build/sources.js';
import type { Config } from '../config.js';
import { loadConfig } from '../config.js';
import { QuernError } from '../errors.js';
import { nearest } from '../nearest.js';
import type { Recipe, ResolvedStage } from '../recipe/load.js';
import { loadRecipe } from '../recipe/load.js';
import { loadKinds } from '../stages/kinds.js';
import type { Store } from '../store/store.js';
import type { CommonOptions } from './options.js';
import { RecipeProblems } from './recipe-problems.js';

/** A recipe, the configuration of its project and its store: what every verb on a recipe works with. */
export interface Project {
  readonly recipe: Recipe;
  readonly config: Config;
  readonly store: Store;
}

/** Loads a recipe and opens its store. */
export async function openProject(recipeFile: string, options: CommonOptions): Promise<Project> {
  const config = await loadConfig(dirname(resolve(recipeFile)));
  const loaded = await loadRecipe(displayPath(recipeFile), {
    kinds: await loadKinds(config.kindModules),
    set: options.set,
  });
  if (!loaded.ok) throw new RecipeProblems(loaded.diagnostics, loaded.text);
  const { Store } = await import('../store/store.js');
  const fromEnvironment = process.env.QUERN_CACHE === '' ? undefined : process.env.QUERN_CACHE;
  const directory = options.cache ?? fromEnvironment ?? config.cacheDirectory;
  return { recipe: loaded.recipe, config, store: Store.open(resolve(directory)) };
}

/** Names a stage of the recipe. A name that is not one is answered with the nearest. */
export function findStage(recipe: Recipe, name: string): ResolvedStage {
  const stage = recipe.stages.find((candidate) => candidate.name === name);
  if (stage !== undefined) return stage;
  const names = recipe.stages.map((candidate) => candidate.name);
  const near = nearest(name, names);
  throw new QuernError('usage', `${basename(recipe.file)} has no stage \`${name}\``, {
    suggestion: near === undefined ? `its stages are ${names.join(', ')}` : `did you mean \`${near}\`?`,
  });
}

/** The recipe given, or the only one of the current directory or of its `recipes` directory that is called quickstart. */
export function defaultRecipe(given: string | undefined): string {
  if (given !== undefined) return given;
  const found = ['quern.yaml', 'recipes/quickstart.yaml'].find((file) => existsSync(file) && statSync(file).isFile());
  if (found === undefined) {
    throw new QuernError('usage', 'no recipe is given', { suggestion: 'give one: quern build recipes/my-model.yaml' });
  }
  return found;
}

function displayPath(file: string): string {
  const path = relative(process.cwd(), resolve(file));
  return path === '' || path.startsWith('..') ? file : path;
}

/** The named stages and what they need. Sources of theirs that don't exist are reported all at once, before anything runs. */
export function chooseStages(recipe: Recipe, names: readonly string[]): readonly ResolvedStage[] {
  const stages = selectStages(
    recipe,
    names.map((name) => findStage(recipe, name).name),
  );
  const problems = sourceProblems(recipe, stages);
  if (problems.length > 0) throw new RecipeProblems(problems, readFileSync(recipe.path, 'utf8'));
  return stages;
}
