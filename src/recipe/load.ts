import { isUtf8 } from 'node:buffer';
import { open } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import type { Diagnostic, Location } from '../errors.js';
import { systemErrorCode } from '../errors.js';
import type { JsonObject } from '../json.js';
import type { StageKind } from '../stages/kind.js';
import { errorAt, type Pointer, parseDocument, type RecipeDocument } from './document.js';
import type { Gate } from './gates.js';
import { readOutline } from './outline.js';
import { Problems } from './problems.js';
import { resolveReferences } from './references.js';
import { readStage, type StageDraft } from './stage.js';
import { SubstitutionBudget } from './substitution.js';
import { resolveVariables } from './variables.js';

export type { Gate } from './gates.js';

/** A variable that a parameter's value came from. */
export interface VariableOrigin {
  /** The parameter, from the stage on. */
  readonly pointer: Pointer;
  readonly name: string;
  /** Where the variable got its value; without a line when that was on the command line. */
  readonly location: Location;
}

/** A stage with everything the build needs to know about it. */
export interface ResolvedStage {
  readonly name: string;
  readonly kind: StageKind;
  /** With variables replaced and defaults filled in; without `kind`, `gates` and the inputs. */
  readonly parameters: JsonObject;
  /** Parameter -> name of the stage whose artifact it takes. */
  readonly inputs: { readonly [parameter: string]: string };
  readonly gates: readonly Gate[];
  /** Place of the stage's name. */
  readonly location: Location;
  /** Place of the value of a parameter, or of the nearest thing around it that is in the text. */
  locate(pointer: Pointer): Location;
  readonly variables: readonly VariableOrigin[];
}

/** A recipe without problems. */
export interface Recipe {
  /** Name of the file as it was given. */
  readonly file: string;
  /** Absolute path of the file. */
  readonly path: string;
  /** Absolute path of its directory: relative paths in the recipe start there. */
  readonly directory: string;
  readonly description?: string;
  /** Every stage behind its inputs, otherwise in the order of the file. */
  readonly stages: readonly ResolvedStage[];
}

export type LoadedRecipe =
  | { readonly ok: true; readonly recipe: Recipe }
  /** `text` is what the diagnostics point into; empty when the file can't be read. */
  | { readonly ok: false; readonly diagnostics: readonly Diagnostic[]; readonly text: string };

export interface RecipeOptions {
  readonly kinds: ReadonlyMap<string, StageKind>;
  /** Variable -> YAML text that replaces its value (`--set name=text`). */
  readonly set?: ReadonlyMap<string, string>;
}

const maximumSizeBytes = 4 * 1024 * 1024;

/** Reads a recipe file. What is wrong with the file or the recipe comes back as diagnostics, all at once. */
export async function loadRecipe(file: string, options: RecipeOptions): Promise<LoadedRecipe> {
  const read = await readText(file);
  if (read.ok) return parseRecipe(read.text, file, options);
  return { ok: false, diagnostics: [errorAt({ file }, read.message, read.suggestion)], text: '' };
}

/** Reads the text of a recipe. `file` is its name, as a path from the working directory or an absolute one. */
export function parseRecipe(text: string, file: string, options: RecipeOptions): LoadedRecipe {
  const { document, diagnostics } = parseDocument(text, file);
  if (document === undefined) return { ok: false, diagnostics, text };
  const problems = new Problems(document, diagnostics);
  const budget = new SubstitutionBudget();

  const outline = readOutline(document, problems);
  const variables = resolveVariables(outline.vars, options.set ?? new Map(), document, budget, problems);
  const context = { kinds: options.kinds, variables, budget, problems };
  const drafts = new Map(
    Object.entries(outline.stages).map(([name, given]) => [name, readStage(name, given ?? null, context)]),
  );
  const ordered = resolveReferences(drafts, problems);

  const found = problems.sorted();
  if (found.length > 0) return { ok: false, diagnostics: found, text };
  const path = resolve(file);
  const stages = ordered.map((draft) => resolveStage(draft, document));
  const recipe = { file, path, directory: dirname(path), stages };
  const { description } = outline;
  return { ok: true, recipe: description === undefined ? recipe : { ...recipe, description } };
}

function resolveStage(draft: StageDraft, document: RecipeDocument): ResolvedStage {
  const { name, kind, parameters, inputs, gates, uses } = draft;
  return {
    name,
    kind,
    parameters,
    inputs,
    gates,
    location: document.locateKey(['stages', name]),
    locate: (pointer) => document.locateValue(['stages', name, ...pointer]),
    variables: uses.map(({ pointer, variable }) => ({ pointer, name: variable.name, location: variable.location })),
  };
}

type ReadText =
  | { readonly ok: true; readonly text: string }
  | { readonly ok: false; readonly message: string; readonly suggestion?: string };

async function readText(file: string): Promise<ReadText> {
  try {
    await using handle = await open(file);
    const status = await handle.stat();
    if (status.isDirectory()) return { ok: false, message: 'this is a directory, not a recipe' };
    if (!status.isFile()) return { ok: false, message: 'this is not a regular file' };
    if (status.size > maximumSizeBytes) return { ok: false, message: 'too large for a recipe (over 4 MiB)' };
    const bytes = await handle.readFile();
    if (!isUtf8(bytes)) return { ok: false, message: 'this is not UTF-8 text', suggestion: 'save it as UTF-8' };
    return { ok: true, text: new TextDecoder().decode(bytes) };
  } catch (error) {
    const code = systemErrorCode(error);
    if (code === undefined) throw error;
    return { ok: false, message: readProblem(code) };
  }
}

function readProblem(code: string): string {
  switch (code) {
    case 'ENOENT':
    case 'ENOTDIR':
      return 'there is no such file';
    case 'EACCES':
    case 'EPERM':
      return 'no permission to read this file';
    default:
      return `the file can't be read (${code})`;
  }
}
