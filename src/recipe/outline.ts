import { isJsonObject, type JsonObject } from '../json.js';
import { didYouMean, nearest } from '../nearest.js';
import type { RecipeDocument } from './document.js';
import { shown } from './expectation.js';
import type { Problems } from './problems.js';

/** The version of the recipe language that is read. */
export const languageVersion = 1;

/** Keys of a recipe. `$schema` is for editors. */
export const recipeKeys: readonly string[] = ['$schema', 'quern', 'description', 'vars', 'stages'];

/** The parts of a recipe, with an empty mapping for each that is missing or wrong. */
export interface Outline {
  readonly description: string | undefined;
  readonly vars: JsonObject;
  readonly stages: JsonObject;
}

/** Checks the outermost level of a recipe. */
export function readOutline(document: RecipeDocument, problems: Problems): Outline {
  const { root } = document;
  const meant = new Set<string | undefined>();
  for (const key of Object.keys(root)) {
    if (recipeKeys.includes(key)) continue;
    meant.add(nearest(key, recipeKeys));
    const suggestion = didYouMean(key, recipeKeys) ?? `known are ${recipeKeys.slice(1).join(', ')}`;
    problems.add({ pointer: [key], part: 'key', message: `unknown key \`${key}\``, suggestion });
  }
  const isAbsent = (key: string): boolean => root[key] === undefined && !meant.has(key);

  if (isAbsent('quern')) {
    const suggestion = `add \`quern: ${languageVersion}\`, the version of the recipe language`;
    problems.add({ pointer: [], part: 'key', message: 'the recipe has no `quern`', suggestion });
  } else if (root.quern !== undefined && root.quern !== languageVersion) {
    const message = `\`quern\` must be ${languageVersion}, the version of the recipe language, got ${shown(root.quern)}`;
    problems.add({ pointer: ['quern'], part: 'value', message });
  }
  if (root.description !== undefined && typeof root.description !== 'string') {
    const message = `\`description\` must be a text, got ${shown(root.description)}`;
    problems.add({ pointer: ['description'], part: 'value', message });
  }
  if (isAbsent('stages') || isEmpty(root.stages)) {
    problems.add({ pointer: ['stages'], part: 'key', message: 'the recipe has no stages' });
  }
  return {
    description: typeof root.description === 'string' ? root.description : undefined,
    vars: readMapping(root, 'vars', problems),
    stages: readMapping(root, 'stages', problems),
  };
}

function isEmpty(value: unknown): boolean {
  return value === null || (isJsonObject(value) && Object.keys(value).length === 0);
}

function readMapping(root: JsonObject, key: 'vars' | 'stages', problems: Problems): JsonObject {
  const value = root[key];
  if (isJsonObject(value)) return value;
  if (value !== undefined && value !== null) {
    problems.add({ pointer: [key], part: 'value', message: `\`${key}\` must be a mapping, got ${shown(value)}` });
  }
  return {};
}
