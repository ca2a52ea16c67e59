import type { Diagnostic, Location } from '../errors.js';
import { errorAt, type Pointer, type RecipeDocument } from './document.js';

/** A problem of a value of the recipe, or of the key it stands under. */
export interface Problem {
  readonly pointer: Pointer;
  readonly part: 'key' | 'value';
  readonly message: string;
  readonly suggestion?: string | undefined;
}

/** Collects the problems of one recipe. */
export class Problems {
  readonly #document: RecipeDocument;
  readonly #diagnostics: Diagnostic[];

  constructor(document: RecipeDocument, earlier: readonly Diagnostic[]) {
    this.#document = document;
    this.#diagnostics = [...earlier];
  }

  add(problem: Problem): void {
    const { pointer, part, message, suggestion } = problem;
    const location = part === 'key' ? this.#document.locateKey(pointer) : this.#document.locateValue(pointer);
    this.addAt(location, message, suggestion);
  }

  /** A problem that may stand outside the recipe, on the command line. */
  addAt(location: Location, message: string, suggestion?: string): void {
    this.#diagnostics.push(errorAt(location, message, suggestion));
  }

  /** A part that aliases repeat has its problems once. */
  #distinct(): Diagnostic[] {
    return [...new Map(this.#diagnostics.map((one) => [JSON.stringify([one.location, one.message]), one])).values()];
  }

  /** In the order of the text; what has no place in it comes first. */
  sorted(): readonly Diagnostic[] {
    const byPosition = (left: Diagnostic, right: Diagnostic): number =>
      (left.location.line ?? 0) - (right.location.line ?? 0) ||
      (left.location.column ?? 0) - (right.location.column ?? 0);
    return this.#distinct().sort(byPosition);
  }
}
