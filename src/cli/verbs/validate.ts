import { dirname, resolve } from 'node:path';
import { loadConfig } from '../../config.js';
import type { Diagnostic, ExitCode } from '../../errors.js';
import { exitCodes } from '../../errors.js';
import { renderDiagnostics } from '../../recipe/frame.js';
import { loadRecipe } from '../../recipe/load.js';
import { loadKinds } from '../../stages/kinds.js';
import type { CommonOptions } from '../options.js';
import { printJson } from '../output.js';

/** `quern validate RECIPE...`: all problems of each recipe. Builds nothing and needs no store. */
export async function validate(recipeFiles: readonly string[], options: CommonOptions): Promise<ExitCode> {
  const results: { recipe: string; diagnostics: readonly Diagnostic[]; text: string }[] = [];
  for (const recipe of recipeFiles) {
    const { kindModules } = await loadConfig(dirname(resolve(recipe)));
    const loaded = await loadRecipe(recipe, { kinds: await loadKinds(kindModules), set: options.set });
    results.push(
      loaded.ok
        ? { recipe, diagnostics: [], text: '' }
        : { recipe, diagnostics: loaded.diagnostics, text: loaded.text },
    );
  }
  const valid = results.every(({ diagnostics }) => diagnostics.length === 0);
  if (options.json) {
    printJson({
      valid,
      recipes: results.map(({ recipe, diagnostics }) => ({ recipe, valid: diagnostics.length === 0, diagnostics })),
    });
  } else {
    for (const { recipe, diagnostics, text } of results) {
      if (diagnostics.length === 0) process.stdout.write(`${recipe} is valid.\n`);
      else process.stderr.write(`${renderDiagnostics(diagnostics, text)}\n`);
    }
  }
  return valid ? exitCodes.done : exitCodes.wrongCall;
}
