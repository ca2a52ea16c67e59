import { dirname, resolve } from 'node:path';
import type { CacheBounds, Config } from '../config.js';
import { loadConfig } from '../config.js';
import type { LoadedRecipe, Recipe } from '../recipe/load.js';
import { loadRecipe as loadRecipeFile } from '../recipe/load.js';
import { loadKinds } from '../stages/kinds.js';
import { Store } from '../store/store.js';
import { registeredModules } from './kinds.js';

export interface LoadRecipeOptions {
  /** Variables of the recipe that get other values, as YAML text. */
  readonly set?: ReadonlyMap<string, string>;
}

export interface ProjectOptions {
  /** Directory of the store. Default: what the configuration of the recipe's project says, else `cache` at its root. */
  readonly cacheDirectory?: string;
}

/**
 * Reads a recipe. All problems of it come back at once, as diagnostics with their places; nothing is thrown for them.
 * The kinds are the built-in ones, those of `quern.config.yaml`, and those of `registerStageKind`.
 */
export async function loadRecipe(file: string, options: LoadRecipeOptions = {}): Promise<LoadedRecipe> {
  const config = await loadConfig(dirname(resolve(file)));
  const kinds = await loadKinds(kindModules(config));
  return loadRecipeFile(file, { kinds, ...options });
}

/** What a recipe is built with. */
export interface Project {
  readonly store: Store;
  readonly kindModules: readonly string[];
  readonly epoch: number;
  readonly cacheBounds: CacheBounds;
  readonly memoryBytes?: number;
}

/** Opens the store of a recipe and reads the configuration of its project. */
export async function openProject(recipe: Recipe, { cacheDirectory }: ProjectOptions): Promise<Project> {
  const config = await loadConfig(recipe.directory);
  const store = Store.open(resolve(cacheDirectory ?? config.cacheDirectory));
  const { epoch, cacheBounds, memoryBytes } = config;
  const memory = memoryBytes === undefined ? {} : { memoryBytes };
  return { store, kindModules: kindModules(config), epoch, cacheBounds, ...memory };
}

function kindModules(config: Config): readonly string[] {
  return [...new Set([...config.kindModules, ...registeredModules()])];
}
