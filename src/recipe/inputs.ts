import type { Location } from '../errors.js';
import { isJsonObject, type Json, type JsonObject } from '../json.js';
import type { Pointer } from './document.js';
import { locateMember, type PreparedStage, type StageContext } from './given-stage.js';
import type { MatrixValue } from './matrix.js';
import type { Members } from './merge.js';
import type { Placed } from './place.js';
import { substitute, type Variable, type VariableScope, type VariableUse } from './substitution.js';

/** A place in a stage that names another stage. */
export interface InputReference {
  readonly parameter: string;
  readonly location: Location;
  /** As the recipe has it, with variables replaced. */
  readonly text: string;
}

/** The inputs of a stage for one combination of its own matrix. */
export interface GivenInputs {
  /** Parameter -> what the recipe has there, with variables replaced. */
  readonly values: JsonObject;
  readonly uses: readonly VariableUse[];
  /** Where no value could be found, which has been reported. */
  readonly broken: readonly Pointer[];
  readonly references: readonly InputReference[];
}

/**
 * The variables of a recipe and the values of a variant. When values are missing because a stage it takes something from
 * is wrong, all that could be one of them is taken for one.
 */
export function variantScope(
  variables: VariableScope,
  values: readonly MatrixValue[],
  isComplete: boolean,
): VariableScope {
  const own = new Map(values.map(({ variable }) => [variable.name, variable]));
  const missing = (name: string): Variable | undefined =>
    isComplete || !name.startsWith('matrix.')
      ? undefined
      : { name, value: null, broken: true, location: { file: '' }, file: '', uses: [] };
  return {
    get: (name) => own.get(name) ?? variables.get(name) ?? missing(name),
    keys: () => [...own.keys(), ...variables.keys()],
  };
}

/**
 * Reads the inputs of a stage. They may use the keys of the stage's own matrix, not those that its inputs bring along:
 * these are known only when the inputs are.
 */
export function readInputs(
  stage: PreparedStage,
  combination: readonly MatrixValue[],
  context: StageContext,
): GivenInputs {
  const { kind, members, declaration } = stage;
  const texts = [...members].filter(([name]) => Object.hasOwn(kind.inputs, name));
  const given = Object.fromEntries(texts.map(([name, { value }]) => [name, value]));
  const scope = variantScope(context.variables, combination, true);
  const places = withPlaces(members, directValues(stage, combination));
  const locate = (pointer: Pointer): Location => locateMember(places, declaration, pointer, 'value');
  const { value, uses, broken, problems } = substitute(given, scope, context.budget);
  for (const { pointer, message, suggestion } of problems) {
    context.problems.add(locate(pointer), message, suggestion);
  }
  const direct = directValues(stage, combination).filter(({ key }) => Object.hasOwn(kind.inputs, key));
  const values = {
    ...(isJsonObject(value) ? value : {}),
    ...Object.fromEntries(direct.map((one) => [one.key, one.value])),
  };
  const isBroken = (pointer: Pointer): boolean => broken.some((one) => one.join('\n') === pointer.join('\n'));
  const references = Object.entries(values)
    .flatMap(([parameter, input]) => referencesOf(parameter, input ?? null))
    .filter(({ pointer }) => !isBroken(pointer))
    .map(({ parameter, pointer, text }) => ({ parameter, text, location: locate(pointer) }));
  return { values, uses: [...uses, ...direct.flatMap(directUses)], broken, references };
}

/** The values of a combination that set a parameter. */
export function directValues(stage: PreparedStage, combination: readonly MatrixValue[]): readonly MatrixValue[] {
  return combination.filter(({ key }) => stage.setting.has(key));
}

export function directUses({ key, variable }: MatrixValue): readonly VariableUse[] {
  const pointer = [key];
  return [
    { pointer, variable, leads: true },
    ...variable.uses.map((used) => ({ pointer, variable: used, leads: false })),
  ];
}

/** The members of a stage with those that a matrix sets. */
export function withPlaces(members: Members, direct: readonly MatrixValue[]): Members {
  if (direct.length === 0) return members;
  return new Map([...members, ...direct.map(({ key, placed }): [string, Placed] => [key, placed])]);
}

interface NamedStage {
  readonly parameter: string;
  readonly pointer: Pointer;
  readonly text: string;
}

function referencesOf(parameter: string, value: Json): readonly NamedStage[] {
  if (typeof value === 'string') return [{ parameter, pointer: [parameter], text: value }];
  if (!Array.isArray(value)) return [];
  return value.flatMap((item: Json, index) =>
    typeof item === 'string' ? [{ parameter, pointer: [parameter, String(index)], text: item }] : [],
  );
}
