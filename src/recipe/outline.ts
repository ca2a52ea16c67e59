import { isJsonObject, type Json, type JsonObject } from '../json.js';
import { didYouMean, nearest } from '../nearest.js';
import type { RecipeDocument } from './document.js';
import { shown } from './expectation.js';
import { locateKey, locateValue, type Placed } from './place.js';
import type { Problems } from './problems.js';

/** The version of the recipe language that is read. */
export const languageVersion = 1;

/** Keys of a recipe. `$schema` is for editors. */
export const recipeKeys: readonly string[] = [
  '$schema',
  'quern',
  'description',
  'extends',
  'include',
  'vars',
  'defaults',
  'stages',
];

/** The parts of one file of a recipe, empty where they are missing or wrong. */
export interface Outline {
  readonly description: string | undefined;
  /** Paths of the files whose content this one overrides, and of those it adds to its own. Each value is a text. */
  readonly extends: readonly PlacedPath[];
  readonly include: readonly PlacedPath[];
  readonly vars: ReadonlyMap<string, Placed>;
  /** Kind -> parameter -> value. */
  readonly defaults: ReadonlyMap<string, ReadonlyMap<string, Placed>>;
  readonly stages: ReadonlyMap<string, Placed>;
}

/** The path of another file of the recipe. */
export interface PlacedPath extends Placed {
  readonly value: string;
}

/** Checks the outermost level of a file. A part of a recipe may lack stages, unlike a recipe that is one file. */
export function readOutline(document: RecipeDocument, role: 'recipe' | 'part', problems: Problems): Outline {
  const { root } = document;
  const meant = new Set<string | undefined>();
  for (const key of Object.keys(root)) {
    if (recipeKeys.includes(key)) continue;
    meant.add(nearest(key, recipeKeys));
    const suggestion = didYouMean(key, recipeKeys) ?? `known are ${recipeKeys.slice(1).join(', ')}`;
    problems.add(document.locateKey([key]), `unknown key \`${key}\``, suggestion);
  }
  const isAbsent = (key: string): boolean => root[key] === undefined && !meant.has(key);

  if (isAbsent('quern')) {
    const suggestion = `add \`quern: ${languageVersion}\`, the version of the recipe language`;
    problems.add(document.locateKey([]), 'the recipe has no `quern`', suggestion);
  } else if (root.quern !== undefined && root.quern !== languageVersion) {
    const message = `\`quern\` must be ${languageVersion}, the version of the recipe language, got ${shown(root.quern)}`;
    problems.add(document.locateValue(['quern']), message);
  }
  if (root.description !== undefined && typeof root.description !== 'string') {
    const message = `\`description\` must be a text, got ${shown(root.description)}`;
    problems.add(document.locateValue(['description']), message);
  }
  const isWhole = role === 'recipe' && root.extends === undefined && root.include === undefined;
  if (isWhole && (isAbsent('stages') || isEmpty(root.stages))) {
    problems.add(document.locateKey(['stages']), 'the recipe has no stages');
  }
  return {
    description: typeof root.description === 'string' ? root.description : undefined,
    extends: readPaths(document, 'extends', problems),
    include: readPaths(document, 'include', problems),
    vars: membersOf(readSection(document, 'vars', problems)),
    defaults: readDefaults(document, problems),
    stages: membersOf(readSection(document, 'stages', problems)),
  };
}

/** The members of a mapping, each with its place; none when the value is no mapping. */
export function membersOf({ value, document, pointer }: Placed): ReadonlyMap<string, Placed> {
  const members = isJsonObject(value) ? Object.entries(value) : [];
  return new Map(
    members.map(([name, member]) => [name, { value: member ?? null, document, pointer: [...pointer, name] }]),
  );
}

function isEmpty(value: unknown): boolean {
  return value === null || (isJsonObject(value) && Object.keys(value).length === 0);
}

type SectionName = 'vars' | 'defaults' | 'stages';

function readSection(document: RecipeDocument, name: SectionName, problems: Problems): Placed & { value: JsonObject } {
  const value = document.root[name];
  const placed = { document, pointer: [name] };
  if (isJsonObject(value)) return { ...placed, value };
  if (value !== undefined && value !== null) {
    problems.add(document.locateValue([name]), `\`${name}\` must be a mapping, got ${shown(value)}`);
  }
  return { ...placed, value: {} };
}

/** `extends: ./base.yaml` or `extends: [./one.yaml, ./other.yaml]`. */
function readPaths(document: RecipeDocument, key: 'extends' | 'include', problems: Problems): readonly PlacedPath[] {
  const value: Json | undefined = document.root[key];
  if (value === undefined || value === null) return [];
  const entries = Array.isArray(value)
    ? value.map((path: Json, index) => ({ value: path, document, pointer: [key, String(index)] }))
    : [{ value, document, pointer: [key] }];
  return entries.flatMap((entry) => {
    const path = entry.value;
    if (typeof path === 'string' && path !== '') return [{ ...entry, value: path }];
    const message = `\`${key}\` must be the path of a recipe file or a list of them, got ${shown(path)}`;
    problems.add(locateValue(entry), message, 'for example ./base.yaml');
    return [];
  });
}

/** Keys that belong to one stage and can't be given for all of a kind. */
const ownKeys: readonly string[] = ['kind', 'matrix'];

function readDefaults(document: RecipeDocument, problems: Problems): ReadonlyMap<string, ReadonlyMap<string, Placed>> {
  const kinds = [...membersOf(readSection(document, 'defaults', problems))];
  return new Map(
    kinds.map(([kind, placed]) => {
      const parameters = membersOf(placed);
      if (!isJsonObject(placed.value)) {
        const message = `the defaults of \`${kind}\` must be a mapping from parameters to values, got ${shown(placed.value)}`;
        problems.add(locateValue(placed), message);
      }
      for (const [name, parameter] of parameters) {
        if (ownKeys.includes(name)) problems.add(locateKey(parameter), `\`${name}\` can't have a default`);
      }
      return [kind, new Map([...parameters].filter(([name]) => !ownKeys.includes(name)))];
    }),
  );
}
