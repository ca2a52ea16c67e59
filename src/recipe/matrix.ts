import { isJsonObject, type Json } from '../json.js';
import { isPrefix, type Pointer } from './document.js';
import { shown } from './expectation.js';
import { locateKey, locateValue, type Placed } from './place.js';
import type { Problems } from './problems.js';
import {
  type SubstitutionBudget,
  substitute,
  type Variable,
  type VariableScope,
  type VariableUse,
} from './substitution.js';
import { namePattern } from './template.js';
import { type VariantValue, valueText } from './variant-name.js';

/** A value of a matrix. Texts of a stage refer to it as `${matrix.key}`. */
export interface MatrixValue extends VariantValue {
  readonly variable: Variable;
  readonly placed: Placed;
}

/** One list of a matrix: the values that a key takes in turn. */
export interface Axis {
  readonly key: string;
  readonly placed: Placed;
  readonly values: readonly MatrixValue[];
}

/** How many variants a stage may have. */
export const maximumVariants = 10_000;

/** Names of variants stay readable. */
const maximumTextLength = 80;

/**
 * Reads `matrix: { bits: [4, 3], group: [128, 32] }`. Variables in it are replaced. `undefined` when anything in it is
 * wrong, which has been reported.
 */
export function readMatrix(
  placed: Placed,
  scope: VariableScope,
  budget: SubstitutionBudget,
  problems: Problems,
): readonly Axis[] | undefined {
  const { value, uses, broken, problems: found } = substitute(placed.value, scope, budget);
  for (const { pointer, message, suggestion } of found) problems.add(locateValue(placed, pointer), message, suggestion);
  if (broken.length > 0) return undefined;
  if (!isJsonObject(value) || Object.keys(value).length === 0) {
    const message = `\`matrix\` must be a mapping from keys to lists of values, got ${shown(value)}`;
    problems.add(locateValue(placed), message, 'for example { bits: [4, 3] }');
    return undefined;
  }
  const { document, pointer } = placed;
  const axes = Object.entries(value).map(([key, values]) => {
    const axis = { value: values ?? null, document, pointer: [...pointer, key] };
    return readAxis(key, axis, usesUnder(uses, [key]), problems);
  });
  if (axes.includes(undefined)) return undefined;
  const complete = axes.flatMap((axis) => axis ?? []);
  const count = complete.reduce((product, { values }) => product * values.length, 1);
  if (count <= maximumVariants) return complete;
  problems.add(locateKey(placed), `the matrix makes ${count} variants; at most ${maximumVariants} are possible`);
  return undefined;
}

/** All combinations of one value of each axis; the last axis varies fastest. One empty combination without axes. */
export function combinations(axes: readonly Axis[]): readonly (readonly MatrixValue[])[] {
  return axes.reduce<readonly (readonly MatrixValue[])[]>(
    (shorter, { values }) => shorter.flatMap((combination) => values.map((value) => [...combination, value])),
    [[]],
  );
}

function readAxis(key: string, axis: Placed, uses: readonly VariableUse[], problems: Problems): Axis | undefined {
  if (!namePattern.test(key)) {
    problems.add(locateKey(axis), `\`${key}\` is not a name for a key`, 'use letters, digits, _ and -');
    return undefined;
  }
  const list: Json = axis.value;
  if (!Array.isArray(list) || list.length === 0) {
    problems.add(locateValue(axis), `\`matrix.${key}\` must be a list of values, got ${shown(list)}`);
    return undefined;
  }
  const known = new Set<string>();
  const values = list.flatMap((value: Json, index) => {
    const placed = { value, document: axis.document, pointer: [...axis.pointer, String(index)] };
    const text = valueText(value);
    const problem = textProblem(key, text, known);
    known.add(text);
    if (problem === undefined) return [matrixValue(key, text, placed, usesUnder(uses, [String(index)]))];
    problems.add(locateValue(placed), problem.message, problem.suggestion);
    return [];
  });
  return values.length === list.length ? { key, placed: axis, values } : undefined;
}

function textProblem(
  key: string,
  text: string,
  known: ReadonlySet<string>,
): { readonly message: string; readonly suggestion?: string } | undefined {
  if (known.has(text)) return { message: `\`matrix.${key}\` has ${text} twice` };
  if (text.length <= maximumTextLength) return undefined;
  return {
    message: `a value of \`matrix.${key}\` is too long for the name of a variant (over ${maximumTextLength} characters)`,
    suggestion: `let the matrix have only what differs, and use it as \${matrix.${key}}`,
  };
}

function matrixValue(key: string, text: string, placed: Placed, uses: readonly VariableUse[]): MatrixValue {
  const variable = {
    name: `matrix.${key}`,
    value: placed.value,
    broken: false,
    location: locateValue(placed),
    file: uses.find(({ leads, pointer }) => leads && pointer.length === 0)?.variable.file ?? placed.document.file,
    uses: [...new Set(uses.map((use) => use.variable))],
  };
  return { key, value: placed.value, text, variable, placed };
}

/** The uses that a value inside a value is made of. Their pointers go on from the inner value. */
function usesUnder(uses: readonly VariableUse[], inside: Pointer): readonly VariableUse[] {
  return uses
    .filter(({ pointer }) => isPrefix(pointer, inside) || isPrefix(inside, pointer))
    .map((use) => ({ ...use, pointer: use.pointer.slice(inside.length) }));
}
