import type { Location } from '../errors.js';
import { isJsonObject, type JsonObject } from '../json.js';
import type { StageKind } from '../stages/kind.js';
import { isPrefix, type Pointer } from './document.js';
import { type Gate, readGates } from './gates.js';
import { locateMember, type PreparedStage, type StageContext } from './given-stage.js';
import { directUses, directValues, type GivenInputs, variantScope, withPlaces } from './inputs.js';
import type { Members } from './merge.js';
import { checkParameters, type ParameterProblem } from './parameters.js';
import type { Placed } from './place.js';
import type { Problems } from './problems.js';
import type { Variant } from './references.js';
import { readResources, type StageResources } from './stage-resources.js';
import { substitute, type Variable, type VariableUse } from './substitution.js';
import type { VariantValue } from './variant-name.js';

/** A variant of a stage before it is read. */
export interface ExpandedVariant extends Variant {
  readonly given: GivenInputs;
  /** Parameter -> name of a stage, or of the stages that a list gathers. */
  readonly inputs: { readonly [parameter: string]: string | readonly string[] };
}

/** A variant of a stage that has been read. */
export interface StageDraft {
  readonly name: string;
  readonly stage: PreparedStage;
  readonly values: readonly VariantValue[];
  readonly kind: StageKind;
  /** With variables replaced and defaults filled in. A list of stages is here too, with the names of the variants. */
  readonly parameters: JsonObject;
  /** Input -> name of a variant. Inputs that are no names have been reported and are left out. */
  readonly inputs: { readonly [input: string]: string };
  readonly gates: readonly Gate[];
  readonly resources: StageResources;
  /** Where the members of this variant stand. */
  readonly members: Members;
  /** Pointers start at the stage. */
  readonly uses: readonly VariableUse[];
}

/** Reads one variant of a stage and reports everything that is wrong with it. */
export function readVariant(stage: PreparedStage, variant: ExpandedVariant, context: StageContext): StageDraft {
  const { kind, declaration } = stage;
  const { given } = variant;
  const isInput = (name: string): boolean => Object.hasOwn(kind.inputs, name);
  const direct = directValues(stage, variant.values);
  const members = withPlaces(stage.members, direct);
  const own = [...stage.members].filter(([name]) => !isInput(name)).map(([name, { value }]) => [name, value] as const);
  const scope = variantScope(context.variables, variant.values, variant.isComplete);
  const read = substitute(Object.fromEntries(own), scope, context.budget);
  for (const { pointer, message, suggestion } of read.problems) {
    context.problems.add(locateMember(members, declaration, pointer, 'value'), message, suggestion);
  }
  const set = direct.filter(({ key }) => !isInput(key));
  const broken = [...read.broken, ...given.broken];
  const uses = [...read.uses, ...set.flatMap(directUses), ...given.uses];
  // Checking fills in defaults, also inside of values, so nothing may be shared between variants.
  const {
    gates: givenGates,
    resources: givenResources,
    ...parameters
  } = structuredClone({
    ...(isJsonObject(read.value) ? read.value : {}),
    ...Object.fromEntries(set.map(({ key, value }) => [key, value])),
    ...given.values,
  });

  const report = reporter(members, declaration, uses, context.problems);
  const parameterProblems = checkParameters(kind, parameters, broken, context.checked);
  const gates = readGates(givenGates);
  const resources = readResources(givenResources);
  const otherProblems = [...gates.problems, ...resources.problems].filter(
    ({ pointer }) => !broken.some((one) => isPrefix(pointer, one) || isPrefix(one, pointer)),
  );
  for (const problem of [...parameterProblems, ...otherProblems]) report(problem);

  const ownParameters = {
    ...Object.fromEntries(Object.entries(parameters).filter(([name]) => !isInput(name))),
    ...Object.fromEntries(Object.entries(variant.inputs).filter(([, input]) => typeof input !== 'string')),
  };
  if (parameterProblems.length === 0 && broken.length === 0) {
    const givenInputs = new Set([...members.keys()].filter(isInput));
    const kindProblems = kind.check?.(ownParameters, givenInputs) ?? [];
    for (const { pointer, message } of kindProblems) report({ pointer, part: 'value', message });
  }
  const { name, values } = variant;
  const inputs = flatInputs(variant.inputs);
  return {
    name,
    stage,
    values,
    kind,
    parameters: ownParameters,
    inputs,
    gates: gates.gates,
    resources: resources.resources,
    members,
    uses,
  };
}

/** A list `of` becomes the inputs `of.0`, `of.1` and so on. */
function flatInputs(inputs: ExpandedVariant['inputs']): { readonly [input: string]: string } {
  const flat = Object.entries(inputs).flatMap(([parameter, input]) =>
    typeof input === 'string'
      ? [[parameter, input] as const]
      : input.map((name, index) => [`${parameter}.${index}`, name] as const),
  );
  return Object.fromEntries(flat);
}

type Reporter = (problem: ParameterProblem) => void;

/** Reports problems of a stage. One of a value that came from a variable says so. */
function reporter(members: Members, declaration: Placed, uses: readonly VariableUse[], problems: Problems): Reporter {
  return ({ pointer, part, message, suggestion }) => {
    const location = locateMember(members, declaration, pointer, part);
    const use = part === 'value' ? uses.find((one) => isPrefix(one.pointer, pointer)) : undefined;
    problems.add(location, message, suggestion ?? originText(use?.variable, location));
  };
}

function originText(variable: Variable | undefined, place: Location): string | undefined {
  if (variable === undefined) return undefined;
  const { file, line, column } = variable.location;
  if (line === undefined) return `the value is that of ${file}`;
  if (file === place.file && line === place.line && column === place.column) return undefined;
  const where = file === place.file ? `in line ${line}` : `in ${file}:${line}`;
  return `the value is that of ${variableLabel(variable)} ${where}`;
}

/** How a variable is called in messages: `vars.alpha`, `matrix.bits`. */
export function variableLabel({ name }: Variable): string {
  return name.startsWith('matrix.') ? name : `vars.${name}`;
}

/** The file whose directory a relative path at this place of a stage starts at: that of the variable it begins with. */
export function fileOfPath({ members, stage, uses }: StageDraft, pointer: Pointer): string {
  const use = uses.find((one) => one.leads && isPrefix(one.pointer, pointer));
  const [name = ''] = pointer;
  return use?.variable.file ?? (members.get(name) ?? stage.declaration).document.file;
}
