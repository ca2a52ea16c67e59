import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { sourceProblems } from '../../build/sources.js';
import { loadConfig } from '../../config.js';
import type { ExitCode } from '../../errors.js';
import { exitCodes, QuernError, systemErrorCode } from '../../errors.js';
import { parseRecipe } from '../../recipe/load.js';
import { loadKinds } from '../../stages/kinds.js';
import type { Answers } from '../ask.js';
import type { InitCommandOptions } from '../options.js';
import { printJson } from '../output.js';
import { RecipeProblems } from '../recipe-problems.js';
import { fillTemplate, readTemplate, templateNames } from '../templates.js';

/** `quern init [TEMPLATE]`: writes a recipe to start from. Without a template it asks, if there is somebody to ask. */
export async function init(templateName: string | undefined, options: InitCommandOptions): Promise<ExitCode> {
  const answers = await chooseTemplate(templateName, options);
  if (answers === undefined) {
    process.stderr.write('\nNothing was written.\n');
    return exitCodes.interrupted;
  }
  const { template, values } = answers;
  const file = options.output;
  const text = fillTemplate(template, values, resolve(file));
  const missing = await missingSources(file, text);
  writeNew(file, text);
  const next = `quern build ${file}`;
  if (options.json) {
    printJson({ recipe: file, template: template.name, missing, next });
    return exitCodes.done;
  }
  const needed = missing.map((problem) => `  ${problem}\n`).join('');
  const first =
    missing.length === 0 ? '' : `It needs files that are not there yet; its variables say where they are:\n${needed}`;
  process.stdout.write(`Wrote ${file} from the template ${template.name}.\n${first}Next: ${next}\n`);
  return exitCodes.done;
}

async function chooseTemplate(name: string | undefined, options: InitCommandOptions): Promise<Answers | undefined> {
  if (name !== undefined) return { template: readTemplate(name), values: options.set };
  const names = templateNames();
  if (!process.stdin.isTTY) {
    throw new QuernError('usage', 'no template is given', {
      suggestion: `templates are ${names.join(', ')}; for example quern init ${names[0]}`,
    });
  }
  const { askForTemplate } = await import('../ask.js');
  const answers = await askForTemplate(names, readTemplate, process.stdin, process.stderr);
  return answers && { ...answers, values: new Map([...answers.values, ...options.set]) };
}

/** Never overwrites a file. */
function writeNew(file: string, text: string): void {
  try {
    mkdirSync(dirname(resolve(file)), { recursive: true });
    writeFileSync(file, text, { flag: 'wx' });
  } catch (error) {
    if (systemErrorCode(error) !== 'EEXIST') throw error;
    throw new QuernError('usage', `${file} exists already`, { suggestion: 'choose another name with --output' });
  }
}

/** Checks the new recipe, and says what it takes from files that don't exist yet. */
async function missingSources(file: string, text: string): Promise<readonly string[]> {
  const { kindModules } = await loadConfig(dirname(resolve(file)));
  const loaded = parseRecipe(text, file, { kinds: await loadKinds(kindModules) });
  if (!loaded.ok) throw new RecipeProblems(loaded.diagnostics, loaded.texts);
  return [...new Set(sourceProblems(loaded.recipe.stages).map(({ message }) => message))];
}
