import { existsSync, statSync } from 'node:fs';
import { basename, dirname, relative, resolve } from 'node:path';
import { CheckedFile } from '../build/checked-file.js';
import type { RemoteOptions } from '../build/locate-stages.js';
import { locateStages } from '../build/locate-stages.js';
import { defaultMemoryBytes } from '../build/memory-budget.js';
import { selectStages } from '../build/plan.js';
import { memoryProblems } from '../build/preflight.js';
import { sourceProblems } from '../build/sources.js';
import type { Config } from '../config.js';
import { loadConfig } from '../config.js';
import { QuernError } from '../errors.js';
import type { LoadedRecipe, Recipe, RecipeOptions, ResolvedStage } from '../recipe/load.js';
import { loadRecipe } from '../recipe/load.js';
import { namesText } from '../recipe/references.js';
import { matchingStages, nearestStage } from '../recipe/select.js';
import { loadKinds } from '../stages/kinds.js';
import type { Store } from '../store/store.js';
import type { CommonOptions } from './options.js';
import { RecipeProblems } from './recipe-problems.js';

/** A recipe, the configuration of its project and its store: what every verb on a recipe works with. */
export interface Project {
  readonly recipe: Recipe;
  readonly config: Config;
  readonly store: Store;
  /** Whether the network is left alone. */
  readonly offline: boolean;
}

/** Loads a recipe and opens its store. */
export function openProject(recipeFile: string, options: CommonOptions): Promise<Project> {
  const path = resolve(recipeFile);
  return openProjectOf(path, dirname(path), options, (read) => loadRecipe(displayPath(recipeFile), read));
}

/**
 * Opens the project of a directory with a recipe that `load` reads.
 * @param path what the recipe is known by
 */
export async function openProjectOf(
  path: string,
  directory: string,
  options: CommonOptions,
  load: (options: RecipeOptions) => LoadedRecipe | Promise<LoadedRecipe>,
): Promise<Project> {
  const config = await loadConfig(directory);
  const checked = new CheckedFile(cacheDirectory(options, config), path);
  const loaded = await load({ kinds: await loadKinds(config.kindModules), set: options.set, checked });
  if (!loaded.ok) throw new RecipeProblems(loaded.diagnostics, loaded.texts);
  const store = await openStore(options, config);
  checked.write();
  return { recipe: loaded.recipe, config, store, offline: options.offline === true };
}

/** Opens the store that a call uses: `--cache`, else `QUERN_CACHE`, else that of the project around the current directory. */
export async function openStore(options: Pick<CommonOptions, 'cache' | 'verify'>, config?: Config): Promise<Store> {
  const { Store } = await import('../store/store.js');
  const directory = cacheDirectory(options, config ?? (await loadConfig(process.cwd())));
  return Store.open(directory, { verify: options.verify === true });
}

function cacheDirectory({ cache }: Pick<CommonOptions, 'cache'>, config: Config): string {
  const fromEnvironment = process.env.QUERN_CACHE === '' ? undefined : process.env.QUERN_CACHE;
  return resolve(cache ?? fromEnvironment ?? config.cacheDirectory);
}

/** The one stage of the recipe that a name or pattern stands for. */
export function findStage(recipe: Recipe, name: string): ResolvedStage {
  const [stage, ...others] = findStages(recipe, name);
  if (stage !== undefined && others.length === 0) return stage;
  const names = [stage, ...others].flatMap((one) => one?.name ?? []);
  throw new QuernError('usage', `\`${name}\` stands for ${names.length} stages, and one is needed`, {
    suggestion: `name one of ${namesText(names)}`,
  });
}

/** The stages that a name or pattern stands for, one at least. A name that is none is answered with the nearest. */
export function findStages(recipe: Recipe, pattern: string): readonly ResolvedStage[] {
  const found = matchingStages(recipe.stages, pattern);
  if (found.length > 0) return found;
  const near = nearestStage(recipe.stages, pattern);
  const names = recipe.stages.map(({ name }) => name);
  throw new QuernError('usage', `${basename(recipe.file)} has no stage \`${pattern}\``, {
    suggestion: near === undefined ? `its stages are ${namesText(names)}` : `did you mean \`${near}\`?`,
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

/** Memory that builds may use: by the call, else by the configuration, else most of the machine's. */
export function memoryBudgetBytes(project: Project, given: number | undefined): number {
  return given ?? project.config.memoryBytes ?? defaultMemoryBytes();
}

/** Refuses stages that can't fit, all at once, before anything runs. */
export function requireMemory({ recipe }: Project, stages: readonly ResolvedStage[], budgetBytes: number): void {
  const problems = memoryProblems(stages, budgetBytes);
  if (problems.length > 0) throw new RecipeProblems(problems, recipe.texts);
}

/** The named stages and what they need. Sources of theirs that don't exist are reported all at once, before anything runs. */
export function selectedStages(recipe: Recipe, names: readonly string[]): readonly ResolvedStage[] {
  const stages = selectStages(
    recipe,
    names.flatMap((name) => findStages(recipe, name).map((stage) => stage.name)),
  );
  const problems = sourceProblems(stages);
  if (problems.length > 0) throw new RecipeProblems(problems, recipe.texts);
  return stages;
}

/** Stages with their sources from elsewhere brought here, or looked for, as `remote` says. */
export async function locatedStages(
  recipe: Recipe,
  stages: readonly ResolvedStage[],
  remote: RemoteOptions,
): Promise<readonly ResolvedStage[]> {
  const located = await locateStages(recipe, stages, remote);
  if (located.problems.length > 0) throw new RecipeProblems(located.problems, recipe.texts);
  return located.stages;
}

/** `selectedStages`, located. */
export function chooseStages(
  recipe: Recipe,
  names: readonly string[],
  remote: RemoteOptions,
): Promise<readonly ResolvedStage[]> {
  return locatedStages(recipe, selectedStages(recipe, names), remote);
}
