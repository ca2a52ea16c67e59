import { pathToFileURL } from 'node:url';
import { QuernError } from '../errors.js';
import type { StageKind } from './kind.js';
import { builtInKinds } from './registry.js';

/**
 * The built-in kinds and those of further modules, which the configuration names. Such a module exports
 * `kinds`, a list of stage kinds. Errors: a module that can't be loaded, or that takes a name already taken.
 */
export async function loadKinds(modules: readonly string[]): Promise<ReadonlyMap<string, StageKind>> {
  if (modules.length === 0) return builtInKinds;
  const kinds = new Map(builtInKinds);
  for (const path of modules) {
    for (const kind of await importKinds(path)) {
      if (kinds.has(kind.name))
        throw new QuernError('recipe', `${path} defines the kind ${kind.name}, which exists already`);
      kinds.set(kind.name, kind);
    }
  }
  return kinds;
}

async function importKinds(path: string): Promise<readonly StageKind[]> {
  try {
    const module: unknown = await import(pathToFileURL(path).href);
    const { kinds } = module as { readonly kinds?: unknown };
    if (Array.isArray(kinds)) return kinds as StageKind[];
  } catch (error) {
    throw new QuernError('recipe', `${path} can't be loaded: ${error instanceof Error ? error.message : error}`, {
      cause: error,
    });
  }
  throw new QuernError('recipe', `${path} exports no list \`kinds\``);
}
