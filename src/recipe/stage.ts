import { isJsonObject, type Json, type JsonObject } from '../json.js';
import { didYouMean } from '../nearest.js';
import type { StageKind } from '../stages/kind.js';
import { isPrefix } from './document.js';
import { shown } from './expectation.js';
import { type Gate, readGates } from './gates.js';
import { checkParameters, type ParameterProblem } from './parameters.js';
import type { Problems } from './problems.js';
import { type SubstitutionBudget, substitute, type Variable, type VariableUse } from './substitution.js';
import { namePattern } from './template.js';

/** A stage that has been read on its own: the stages its inputs name are not looked up yet. */
export interface StageDraft {
  readonly name: string;
  readonly kind: StageKind;
  /** With variables replaced and defaults filled in. */
  readonly parameters: JsonObject;
  /** Parameter -> name of a stage. Inputs that are no names have been reported and are left out. */
  readonly inputs: { readonly [parameter: string]: string };
  readonly gates: readonly Gate[];
  /** Pointers start at the stage. */
  readonly uses: readonly VariableUse[];
}

/** What reading a stage takes from the recipe around it. */
export interface StageContext {
  readonly kinds: ReadonlyMap<string, StageKind>;
  readonly variables: ReadonlyMap<string, Variable>;
  readonly budget: SubstitutionBudget;
  readonly problems: Problems;
}

/** Reads one stage and reports everything that is wrong with it. Without a kind there is no draft. */
export function readStage(name: string, given: Json, context: StageContext): StageDraft | undefined {
  const report = reporter(name, [], context.problems);
  if (!namePattern.test(name)) {
    const message = `\`${name}\` is not a name for a stage`;
    report({ pointer: [], part: 'key', message, suggestion: 'use letters, digits, _ and -' });
  }
  const { value, uses, broken, problems } = substitute(given, context.variables, context.budget);
  for (const problem of problems) report({ ...problem, part: 'value' });
  if (broken.some((pointer) => pointer.length === 0)) return undefined;
  if (!isJsonObject(value)) {
    const message = `the stage \`${name}\` must be a mapping, got ${shown(value)}`;
    report({ pointer: [], part: 'value', message, suggestion: 'for example { kind: load, source: ./model }' });
    return undefined;
  }
  if (broken.some((pointer) => pointer[0] === 'kind')) return undefined;
  const { kind: kindName, gates: givenGates, ...parameters } = value;
  const kind = findKind(name, kindName, context.kinds, report);
  if (kind === undefined) return undefined;

  const reportValue = reporter(name, uses, context.problems);
  const parameterProblems = checkParameters(kind, parameters, broken);
  const gates = readGates(givenGates);
  const gateProblems = gates.problems.filter(
    ({ pointer }) => !broken.some((one) => isPrefix(pointer, one) || isPrefix(one, pointer)),
  );
  for (const problem of [...parameterProblems, ...gateProblems]) reportValue(problem);

  const isInput = (parameter: string): boolean => Object.hasOwn(kind.inputs, parameter);
  const isBroken = (parameter: string): boolean => broken.some((pointer) => pointer[0] === parameter);
  const members = Object.entries(parameters);
  const inputs = members.flatMap(([parameter, input]) =>
    isInput(parameter) && typeof input === 'string' && !isBroken(parameter) ? [[parameter, input] as const] : [],
  );
  const ownParameters = Object.fromEntries(members.filter(([parameter]) => !isInput(parameter)));
  if (parameterProblems.length === 0 && broken.length === 0) {
    for (const { pointer, message } of kind.check?.(ownParameters) ?? []) {
      reportValue({ pointer, part: 'value', message });
    }
  }
  return { name, kind, parameters: ownParameters, inputs: Object.fromEntries(inputs), gates: gates.gates, uses };
}

type Reporter = (problem: ParameterProblem) => void;

/** Reports problems of a stage. One of a value that came from a variable says so. */
function reporter(name: string, uses: readonly VariableUse[], problems: Problems): Reporter {
  return ({ pointer, part, message, suggestion }) => {
    const use = part === 'value' ? uses.find((one) => isPrefix(one.pointer, pointer)) : undefined;
    const origin = use === undefined ? undefined : `the value is that of ${placeOf(use.variable)}`;
    problems.add({ pointer: ['stages', name, ...pointer], part, message, suggestion: suggestion ?? origin });
  };
}

function placeOf({ name, location }: Variable): string {
  return location.line === undefined ? location.file : `vars.${name} in line ${location.line}`;
}

function findKind(
  name: string,
  kindName: Json | undefined,
  kinds: ReadonlyMap<string, StageKind>,
  report: Reporter,
): StageKind | undefined {
  const known = `kinds are ${[...kinds.keys()].join(', ')}`;
  if (kindName === undefined) {
    report({ pointer: [], part: 'key', message: `the stage \`${name}\` has no \`kind\``, suggestion: known });
    return undefined;
  }
  if (typeof kindName !== 'string') {
    const message = `\`kind\` must be the name of a kind, got ${shown(kindName)}`;
    report({ pointer: ['kind'], part: 'value', message, suggestion: known });
    return undefined;
  }
  const kind = kinds.get(kindName);
  if (kind === undefined) {
    const suggestion = didYouMean(kindName, kinds.keys()) ?? known;
    report({ pointer: ['kind'], part: 'value', message: `unknown kind \`${kindName}\``, suggestion });
  }
  return kind;
}
