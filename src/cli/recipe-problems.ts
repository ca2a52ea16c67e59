import type { Diagnostic } from '../errors.js';

/** A recipe with problems. They are all shown, in the order of its files. */
export class RecipeProblems extends Error {
  readonly diagnostics: readonly Diagnostic[];
  /** Text of each file that the diagnostics point into, by its name. */
  readonly texts: ReadonlyMap<string, string>;

  constructor(diagnostics: readonly Diagnostic[], texts: ReadonlyMap<string, string>) {
    super('the recipe has problems');
    this.diagnostics = diagnostics;
    this.texts = texts;
  }
}
