import { dirname, resolve } from 'node:path';
import type { Diagnostic, Location } from '../errors.js';
import type { JsonObject } from '../json.js';
import { didYouMean } from '../nearest.js';
import type { StageKind } from '../stages/kind.js';
import type { CheckedParameters } from './checked-parameters.js';
import { type ComposedRecipe, Composer } from './compose.js';
import { checkDestinations } from './destinations.js';
import { errorAt, type Pointer } from './document.js';
import { expandStages } from './expand.js';
import type { Gate } from './gates.js';
import { locateMember, prepareStage } from './given-stage.js';
import { locateKey } from './place.js';
import { Problems } from './problems.js';
import { readText } from './read-text.js';
import { fileOfPath, type StageDraft, variableLabel } from './stage.js';
import type { StageResources } from './stage-resources.js';
import { SubstitutionBudget } from './substitution.js';
import { resolveVariables } from './variables.js';
import type { VariantValue } from './variant-name.js';

export type { Gate } from './gates.js';

/** A variable, or a value of a matrix, that a parameter's value came from. */
export interface VariableOrigin {
  /** The parameter, from the stage on. */
  readonly pointer: Pointer;
  /** `vars.alpha` or `matrix.bits`. */
  readonly name: string;
  /** Where the variable got its value; without a line when that was on the command line. */
  readonly location: Location;
}

/** A stage with everything the build needs to know about it. A matrix makes several of one stage of the recipe. */
export interface ResolvedStage {
  /** `rtn`, or `rtn[bits=4,group=32]` for a variant. */
  readonly name: string;
  /** Name in the recipe, which all variants share. */
  readonly family: string;
  /** What tells the variant from the others; empty for a stage that no matrix expands. */
  readonly variant: readonly VariantValue[];
  readonly kind: StageKind;
  /** With variables replaced and defaults filled in; without `kind`, `gates`, `resources`, `matrix` and the inputs. */
  readonly parameters: JsonObject;
  /** Parameter -> name of the stage whose artifact it takes. A list `of` has the inputs `of.0`, `of.1` and so on. */
  readonly inputs: { readonly [parameter: string]: string };
  readonly gates: readonly Gate[];
  readonly resources: StageResources;
  /** Place of the stage's name. */
  readonly location: Location;
  /** Place of the value of a parameter, or of the nearest thing around it that is in the text. */
  locate(pointer: Pointer): Location;
  /** Absolute path of the directory at which a relative path in a parameter starts: that of the file it stands in. */
  baseDirectory(pointer: Pointer): string;
  readonly variables: readonly VariableOrigin[];
}

/** A recipe without problems. */
export interface Recipe {
  /** Name of the file as it was given. */
  readonly file: string;
  /** Absolute path of the file. */
  readonly path: string;
  /** Absolute path of its directory. */
  readonly directory: string;
  readonly description?: string;
  /** Every stage behind its inputs, otherwise in the order of the file. */
  readonly stages: readonly ResolvedStage[];
  /** Text of each file of the recipe, by the name it has in locations. */
  readonly texts: ReadonlyMap<string, string>;
}

export type LoadedRecipe =
  | { readonly ok: true; readonly recipe: Recipe }
  /** `texts` are what the diagnostics point into, by the names of the files. A file that can't be read has none. */
  | { readonly ok: false; readonly diagnostics: readonly Diagnostic[]; readonly texts: ReadonlyMap<string, string> };

export interface RecipeOptions {
  readonly kinds: ReadonlyMap<string, StageKind>;
  /** Variable -> YAML text that replaces its value (`--set name=text`). */
  readonly set?: ReadonlyMap<string, string>;
  /** Spares checking parameters that have been checked before. */
  readonly checked?: CheckedParameters;
}

/** Reads a recipe and the files it builds on. What is wrong with them comes back as diagnostics, all at once. */
export async function loadRecipe(file: string, options: RecipeOptions): Promise<LoadedRecipe> {
  const read = readText(file);
  if (read.ok) return parseRecipe(read.text, file, options);
  return { ok: false, diagnostics: [errorAt({ file }, read.message, read.suggestion)], texts: new Map() };
}

/** Reads the text of a recipe. `file` is its name, as a path from the working directory or an absolute one. */
export function parseRecipe(text: string, file: string, options: RecipeOptions): LoadedRecipe {
  const problems = new Problems();
  const composer = new Composer(problems);
  const composed = composer.compose(file, text);
  const drafts = composed === undefined ? [] : readStages(composed, options, problems);
  const { texts } = composer;
  const diagnostics = problems.sorted(texts.keys());
  if (composed === undefined || diagnostics.length > 0) return { ok: false, diagnostics, texts };
  const path = resolve(file);
  const recipe = { file, path, directory: dirname(path), stages: drafts.map(resolveStage), texts };
  const { description } = composed;
  return { ok: true, recipe: description === undefined ? recipe : { ...recipe, description } };
}

function readStages(
  { document, composition }: ComposedRecipe,
  options: RecipeOptions,
  problems: Problems,
): readonly StageDraft[] {
  const { kinds, set = new Map(), checked } = options;
  const budget = new SubstitutionBudget();
  const variables = resolveVariables(composition.vars, set, document.file, budget, problems);
  const context = { kinds, defaults: composition.defaults, variables, budget, problems, checked };
  for (const [kind, parameters] of composition.defaults) {
    const [placed] = parameters.values();
    if (kinds.has(kind) || placed === undefined) continue;
    const location = placed.document.locateKey(['defaults', kind]);
    problems.add(location, `unknown kind \`${kind}\``, didYouMean(kind, kinds.keys()));
  }
  if (composition.stages.size === 0 && problems.count === 0) {
    problems.add(document.locateKey(['stages']), 'the recipe has no stages');
  }
  const prepared = [...composition.stages].map(([name, given]) => [name, prepareStage(given, context)] as const);
  const drafts = expandStages(new Map(prepared), context);
  checkDestinations(drafts, problems);
  return drafts;
}

function resolveStage(draft: StageDraft): ResolvedStage {
  const { name, stage, values, kind, parameters, inputs, gates, resources, members, uses } = draft;
  return {
    name,
    family: stage.name,
    variant: values,
    kind: kind.traits === undefined ? kind : { ...kind, ...kind.traits(parameters) },
    parameters,
    inputs,
    gates,
    resources,
    location: locateKey(stage.declaration),
    locate: (pointer) => locateMember(members, stage.declaration, pointer, 'value'),
    baseDirectory: (pointer) => dirname(resolve(fileOfPath(draft, pointer))),
    variables: uses.map(({ pointer, variable }) => ({
      pointer,
      name: variableLabel(variable),
      location: variable.location,
    })),
  };
}
