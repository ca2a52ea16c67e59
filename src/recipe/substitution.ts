import type { Location } from '../errors.js';
import { isJsonObject, type Json, type JsonObject } from '../json.js';
import { didYouMean } from '../nearest.js';
import type { Pointer } from './document.js';
import { parseTemplate, type TemplatePart } from './template.js';

/** A variable with its final value. A broken one has been reported: what uses it is not checked further. */
export interface Variable {
  readonly name: string;
  readonly value: Json;
  readonly broken: boolean;
  /** Where the value was given: in the recipe, or (without a line) on the command line. */
  readonly location: Location;
  /** The file from whose directory on the value is read when it is a relative path. */
  readonly file: string;
  /** The variables the value was made of. */
  readonly uses: readonly Variable[];
}

/** Variables by name, as far as substitution needs to know them. */
export interface VariableScope {
  get(name: string): Variable | undefined;
  keys(): Iterable<string>;
}

/** A variable that a value was made of. */
export interface VariableUse {
  /** The value, in the same terms as the pointer that the substitution was given. */
  readonly pointer: Pointer;
  readonly variable: Variable;
  /** Whether the value begins with that of the variable. */
  readonly leads: boolean;
}

export interface SubstitutionProblem {
  readonly pointer: Pointer;
  readonly message: string;
  readonly suggestion?: string | undefined;
}

/** A value with its variables replaced. It shares nothing with the values of the variables. */
export interface Substituted {
  readonly value: Json;
  readonly uses: readonly VariableUse[];
  /** Where no value could be found. The text of the recipe was left there. */
  readonly broken: readonly Pointer[];
  readonly problems: readonly SubstitutionProblem[];
}

/** Variables of variables can double at each step, so what they put in is bounded. */
export class SubstitutionBudget {
  #remaining = 4_000_000;

  get isExhausted(): boolean {
    return this.#remaining < 0;
  }

  /** Takes the values and characters of a value; `false` when that is more than is left. */
  take(value: Json): boolean {
    if (typeof value === 'string') this.#remaining -= value.length + 1;
    else {
      this.#remaining -= 1;
      for (const child of children(value)) if (this.#remaining < 0 || !this.take(child)) return false;
    }
    return this.#remaining >= 0;
  }
}

/** Levels of nesting that variables may build up. */
const maximumDepth = 100;

/** Replaces the variables in all texts of a value. Keys are left alone. */
export function substitute(value: Json, variables: VariableScope, budget: SubstitutionBudget): Substituted {
  const uses: VariableUse[] = [];
  const broken: Pointer[] = [];
  const problems: SubstitutionProblem[] = [];

  function visit(value: Json, pointer: Pointer): Json {
    if (typeof value === 'string') return value.includes('${') ? replace(value, pointer) : value;
    if (isList(value)) return value.map((item, index) => visit(item, [...pointer, String(index)]));
    if (isJsonObject(value)) return mapMembers(value, (member, name) => visit(member, [...pointer, name]));
    return value;
  }

  function fail(text: string, pointer: Pointer, message?: string, suggestion?: string): string {
    broken.push(pointer);
    if (message !== undefined) problems.push({ pointer, message, suggestion });
    return text;
  }

  function replace(text: string, pointer: Pointer): Json {
    const parts = parseTemplate(text);
    const found: Variable[] = [];
    for (const part of parts) {
      if (part.type === 'malformed') {
        return fail(text, pointer, `\`${part.text}\` does not name a variable`, 'write `$${` for the text `${`');
      }
      if (part.type === 'text') continue;
      const variable = variables.get(part.name);
      if (variable === undefined) {
        const suggestion = didYouMean(part.name, variables.keys());
        return fail(text, pointer, `unknown variable \`${part.name}\``, suggestion);
      }
      found.push(variable);
    }
    if (found.some((variable) => variable.broken)) return fail(text, pointer);
    // What follows has the same cause as what has been reported.
    if (budget.isExhausted) return fail(text, pointer);
    for (const variable of found) {
      if (!budget.take(variable.value) || pointer.length + depth(variable.value) > maximumDepth) {
        return fail(text, pointer, 'the variables of the recipe expand to too much');
      }
    }
    const [first] = found;
    const leader = parts[0]?.type === 'variable' ? first : undefined;
    uses.push(...withTheirUses(found).map((variable) => ({ pointer, variable, leads: variable === leader })));
    if (first !== undefined && parts.length === 1) return copy(first.value);
    const structured = found.find((variable) => typeof variable.value === 'object');
    if (structured !== undefined) {
      const message = `the variable \`${structured.name}\` is ${nameOf(structured.value)}, which has no place in a text`;
      return fail(text, pointer, message);
    }
    return parts.map((part) => partText(part, variables)).join('');
  }

  return { value: visit(value, []), uses, broken, problems };
}

/** Names of the variables that a value refers to, each once. */
export function referencedVariables(value: Json): readonly string[] {
  const names = new Set<string>();
  const visit = (value: Json): void => {
    if (typeof value === 'string') {
      for (const part of parseTemplate(value)) if (part.type === 'variable') names.add(part.name);
    } else for (const child of children(value)) visit(child);
  };
  visit(value);
  return [...names];
}

function partText(part: TemplatePart, variables: VariableScope): string {
  return part.type === 'variable' ? String(variables.get(part.name)?.value) : part.text;
}

function withTheirUses(variables: readonly Variable[]): readonly Variable[] {
  const all = new Set(variables);
  // A set visits what is added to it meanwhile.
  for (const variable of all) for (const used of variable.uses) all.add(used);
  return [...all];
}

function copy(value: Json): Json {
  if (isList(value)) return value.map(copy);
  return isJsonObject(value) ? mapMembers(value, copy) : value;
}

/** Builds an object with `Object.fromEntries`, which makes a plain member even of the name `__proto__`. */
function mapMembers(object: JsonObject, map: (value: Json, name: string) => Json): JsonObject {
  return Object.fromEntries(Object.entries(object).map(([name, value]) => [name, map(value ?? null, name)]));
}

function children(value: Json): readonly Json[] {
  if (isList(value)) return value;
  return isJsonObject(value) ? Object.values(value).map((member) => member ?? null) : [];
}

function depth(value: Json): number {
  return children(value).reduce<number>((deepest, child) => Math.max(deepest, depth(child) + 1), 0);
}

function isList(value: Json): value is readonly Json[] {
  return Array.isArray(value);
}

function nameOf(value: Json): string {
  if (value === null) return 'empty';
  return isList(value) ? 'a list' : 'a mapping';
}
