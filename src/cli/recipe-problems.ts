import type { Diagnostic } from '../errors.js';

/** A recipe with problems. They are all shown, in the order of the file. */
export class RecipeProblems extends Error {
  readonly diagnostics: readonly Diagnostic[];
  readonly text: string;

  constructor(diagnostics: readonly Diagnostic[], text: string) {
    super('the recipe has problems');
    this.diagnostics = diagnostics;
    this.text = text;
  }
}
