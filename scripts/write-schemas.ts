/** Writes the published JSON Schema of recipes. `--check` only says whether the file is up to date. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { recipeSchema } from '../src/recipe/schema.js';
import { builtInKinds } from '../src/stages/registry.js';

const file = join(import.meta.dirname, '..', 'schemas', 'recipe.schema.json');
const text = `${JSON.stringify(recipeSchema(builtInKinds), null, 2)}\n`;

if (!process.argv.includes('--check')) {
  await writeFile(file, text);
} else if ((await readFile(file, 'utf8').catch(() => '')) !== text) {
  console.error('schemas/recipe.schema.json is out of date: run `npm run schemas`');
  process.exitCode = 1;
}
