import { dirname, isAbsolute, join, resolve } from 'node:path';
import { parseDocument, type RecipeDocument } from './document.js';
import { addIncluded, type Composition, emptyComposition, override, ownComposition } from './merge.js';
import { type Outline, type PlacedPath, readOutline } from './outline.js';
import { locateValue } from './place.js';
import type { Problems } from './problems.js';
import { readText } from './read-text.js';

/** How many files may build on each other. */
const maximumDepth = 50;

/** A recipe put together from its files. */
export interface ComposedRecipe {
  readonly document: RecipeDocument;
  readonly description: string | undefined;
  readonly composition: Composition;
}

/** Reads the files of one recipe, each once. */
export class Composer {
  /** Text of each file that was read, by the name it has in locations, the recipe itself first. */
  readonly texts = new Map<string, string>();
  readonly #problems: Problems;
  /** By absolute path. `undefined` stands for a file with problems that leave nothing to go on with. */
  readonly #compositions = new Map<string, Composition | undefined>();

  constructor(problems: Problems) {
    this.#problems = problems;
  }

  /** `undefined` when a file can't be read: what follows from that is not worth a report. */
  compose(file: string, text: string): ComposedRecipe | undefined {
    const document = this.#parse(file, text);
    if (document === undefined) return undefined;
    const outline = readOutline(document, 'recipe', this.#problems);
    const composition = this.#composeOutline(document, outline, [file]);
    return composition === undefined ? undefined : { document, description: outline.description, composition };
  }

  #parse(file: string, text: string): RecipeDocument | undefined {
    this.texts.set(file, text);
    const { document, diagnostics } = parseDocument(text, file);
    this.#problems.addAll(diagnostics);
    return document;
  }

  /** `trail` are the names of the files on the way here, from the recipe to the file of the outline. */
  #composeOutline(document: RecipeDocument, outline: Outline, trail: readonly string[]): Composition | undefined {
    const bases = outline.extends.map((entry) => this.#composeEntry(document, entry, trail));
    const parts = outline.include.map((entry) => this.#composeEntry(document, entry, trail));
    if ([...bases, ...parts].includes(undefined)) return undefined;
    const base = bases.flatMap((one) => one ?? []).reduce(override, emptyComposition);
    const own = override(base, ownComposition(outline));
    return outline.include.reduce((composition, entry, index) => {
      const part = parts[index];
      return part === undefined ? composition : addIncluded(composition, part, entry, this.#problems);
    }, own);
  }

  #composeEntry(document: RecipeDocument, entry: PlacedPath, trail: readonly string[]): Composition | undefined {
    const file = isAbsolute(entry.value) ? entry.value : join(dirname(document.file), entry.value);
    const path = resolve(file);
    const start = trail.findIndex((one) => resolve(one) === path);
    if (start >= 0) {
      const cycle = [...trail.slice(start), file].join(' -> ');
      this.#problems.add(locateValue(entry), `recipe files build on each other in a cycle: ${cycle}`);
      return undefined;
    }
    if (trail.length >= maximumDepth) {
      this.#problems.add(locateValue(entry), `recipe files build on each other more than ${maximumDepth} levels deep`);
      return undefined;
    }
    if (!this.#compositions.has(path)) this.#compositions.set(path, this.#composeFile(file, entry, trail));
    return this.#compositions.get(path);
  }

  #composeFile(file: string, entry: PlacedPath, trail: readonly string[]): Composition | undefined {
    const read = readText(file);
    if (!read.ok) {
      const suggestion = read.suggestion ?? `the path starts at the directory of ${entry.document.file}`;
      this.#problems.add(locateValue(entry), `${entry.value}: ${read.message}`, suggestion);
      return undefined;
    }
    const document = this.#parse(file, read.text);
    if (document === undefined) return undefined;
    return this.#composeOutline(document, readOutline(document, 'part', this.#problems), [...trail, file]);
  }
}
