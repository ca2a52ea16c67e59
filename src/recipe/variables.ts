import { isCollection, LineCounter } from 'yaml';
import type { Location } from '../errors.js';
import type { Json, JsonObject } from '../json.js';
import { didYouMean } from '../nearest.js';
import type { RecipeDocument } from './document.js';
import { dependencyOrder } from './order.js';
import type { Problems } from './problems.js';
import { referencedVariables, type SubstitutionBudget, substitute, type Variable } from './substitution.js';
import { parseYaml } from './syntax.js';
import { namePattern } from './template.js';
import { readValues } from './values.js';

interface Definition {
  readonly value: Json;
  readonly broken: boolean;
  readonly location: Location;
  /** Whether the value was given on the command line, where there is no text to point into. */
  readonly overridden: boolean;
}

/**
 * The variables of a recipe with their final values: those of `vars`, overridden by `set` (name -> YAML text), with
 * references to other variables replaced. Problems are reported; every variable is in the result all the same.
 */
export function resolveVariables(
  vars: JsonObject,
  set: ReadonlyMap<string, string>,
  document: RecipeDocument,
  budget: SubstitutionBudget,
  problems: Problems,
): ReadonlyMap<string, Variable> {
  const definitions = define(vars, set, document, problems);
  const references = new Map(
    [...definitions].map(([name, definition]) => [name, referencedVariables(definition.value)] as const),
  );
  const { order, cycles } = dependencyOrder([...definitions.keys()], (name) => references.get(name) ?? []);

  const inCycle = new Set(cycles.flat());
  const variables = new Map<string, Variable>();
  for (const cycle of cycles) {
    const location = definitions.get(cycle[0] ?? '')?.location ?? { file: document.file };
    problems.addAt(location, `variables refer to each other in a cycle: ${cycle.join(' -> ')}`);
    for (const name of cycle) variables.set(name, { name, value: null, broken: true, location, uses: [] });
  }
  for (const name of definitions.keys()) {
    // The names have to be known before their turn, so that one behind a cycle is not called unknown.
    if (!variables.has(name)) variables.set(name, placeholder(name, document));
  }
  for (const name of order) {
    const definition = definitions.get(name);
    if (definition === undefined || inCycle.has(name)) continue;
    const result = substitute(definition.value, variables, budget);
    for (const { pointer, message, suggestion } of result.problems) {
      if (definition.overridden) problems.addAt(definition.location, message, suggestion);
      else problems.add({ pointer: ['vars', name, ...pointer], part: 'value', message, suggestion });
    }
    variables.set(name, {
      name,
      value: result.value,
      broken: definition.broken || result.broken.length > 0,
      location: definition.location,
      uses: [...new Set(result.uses.map((use) => use.variable))],
    });
  }
  return variables;
}

function placeholder(name: string, document: RecipeDocument): Variable {
  return { name, value: null, broken: true, location: { file: document.file }, uses: [] };
}

function define(
  vars: JsonObject,
  set: ReadonlyMap<string, string>,
  document: RecipeDocument,
  problems: Problems,
): ReadonlyMap<string, Definition> {
  const definitions = new Map<string, Definition>();
  for (const [name, value] of Object.entries(vars)) {
    const pointer = ['vars', name];
    if (!namePattern.test(name)) {
      const message = `\`${name}\` is not a name for a variable`;
      problems.add({ pointer, part: 'key', message, suggestion: 'use letters, digits, _ and -' });
    }
    const location = document.locateValue(pointer);
    definitions.set(name, { value: value ?? null, broken: false, location, overridden: false });
  }
  for (const [name, text] of set) {
    const location = { file: `--set ${name}=${text}` };
    if (!definitions.has(name)) {
      problems.addAt(location, `the recipe has no variable \`${name}\``, didYouMean(name, definitions.keys()));
      continue;
    }
    const parsed = parseSetting(text);
    if (!parsed.ok) problems.addAt(location, parsed.message);
    const value = parsed.ok ? parsed.value : null;
    definitions.set(name, { value, broken: !parsed.ok, location, overridden: true });
  }
  return definitions;
}

type Setting = { readonly ok: true; readonly value: Json } | { readonly ok: false; readonly message: string };

/** The text behind `--set name=`: a YAML scalar, list in [ ] or mapping in { }. What would be a block is taken as text. */
export function parseSetting(text: string): Setting {
  const parsed = parseYaml(text, new LineCounter());
  const contents = parsed.ok ? (parsed.document?.contents ?? null) : null;
  const isBlock = isCollection(contents) && contents.flow !== true;
  if (parsed.ok && (contents === null || isBlock)) return { ok: true, value: text };
  if (!parsed.ok) return { ok: false, message: parsed.problem.message };
  const { value, problems, duplicates } = readValues(contents);
  const [duplicate] = duplicates;
  const message = problems[0]?.message ?? (duplicate && `\`${duplicate.name}\` is given twice`);
  return message === undefined ? { ok: true, value } : { ok: false, message };
}
