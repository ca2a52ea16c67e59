import { dirname, resolve } from 'node:path';
import { loadConfig } from '../../config.js';
import type { Diagnostic, ExitCode, Location } from '../../errors.js';
import { exitCodes } from '../../errors.js';
import { renderDiagnostics } from '../../recipe/frame.js';
import { loadRecipe } from '../../recipe/load.js';
import { loadKinds } from '../../stages/kinds.js';
import { annotate, diagnosticAnnotations } from '../github.js';
import type { CommonOptions } from '../options.js';
import { printJson } from '../output.js';

interface Validation {
  readonly recipe: string;
  readonly diagnostics: readonly Diagnostic[];
  readonly texts: ReadonlyMap<string, string>;
}

/** `quern validate RECIPE...`: all problems of each recipe. Builds nothing and needs no store. */
export async function validate(recipeFiles: readonly string[], options: CommonOptions): Promise<ExitCode> {
  const results: Validation[] = [];
  for (const recipe of recipeFiles) {
    const { kindModules } = await loadConfig(dirname(resolve(recipe)));
    const loaded = await loadRecipe(recipe, { kinds: await loadKinds(kindModules), set: options.set });
    results.push(
      loaded.ok
        ? { recipe, diagnostics: [], texts: new Map() }
        : { recipe, diagnostics: loaded.diagnostics, texts: loaded.texts },
    );
  }
  const valid = results.every(({ diagnostics }) => diagnostics.length === 0);
  if (options.json) {
    const recipes = results.map(({ recipe, diagnostics }) => ({
      recipe,
      valid: diagnostics.length === 0,
      diagnostics: diagnostics.map((diagnostic) => ({ ...diagnostic, location: withEnd(diagnostic.location) })),
    }));
    printJson({ valid, recipes });
  } else {
    for (const { recipe, diagnostics, texts } of results) {
      if (diagnostics.length === 0) process.stdout.write(`${recipe} is valid.\n`);
      else process.stderr.write(`${renderDiagnostics(diagnostics, texts)}\n`);
    }
  }
  await annotate(results.flatMap(({ diagnostics }) => diagnosticAnnotations(diagnostics)));
  return valid ? exitCodes.done : exitCodes.wrongCall;
}

/** Adds the end of the range, as editors want it: the column behind the last marked character. */
function withEnd(location: Location): Location & { readonly end?: { readonly line: number; readonly column: number } } {
  const { line, column, length } = location;
  if (line === undefined || column === undefined) return location;
  return { ...location, end: { line, column: column + (length ?? 1) } };
}
