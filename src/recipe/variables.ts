import { isCollection, LineCounter } from 'yaml';
import type { Location } from '../errors.js';
import type { Json } from '../json.js';
import { didYouMean } from '../nearest.js';
import { dependencyOrder } from './order.js';
import { locateKey, locateValue, type Placed } from './place.js';
import type { Problems } from './problems.js';
import { referencedVariables, type SubstitutionBudget, substitute, type Variable } from './substitution.js';
import { parseYaml } from './syntax.js';
import { namePattern } from './template.js';
import { readValues } from './values.js';

interface Definition {
  readonly value: Json;
  readonly broken: boolean;
  readonly location: Location;
  readonly file: string;
  /** `undefined` for a value given on the command line, where there is no text to point into. */
  readonly placed: Placed | undefined;
}

/**
 * The variables of a recipe with their final values: those of `vars`, overridden by `set` (name -> YAML text), with
 * references to other variables replaced. `file` is the recipe, where relative paths given by `set` start. Problems are
 * reported; every variable is in the result all the same.
 */
export function resolveVariables(
  vars: ReadonlyMap<string, Placed>,
  set: ReadonlyMap<string, string>,
  file: string,
  budget: SubstitutionBudget,
  problems: Problems,
): ReadonlyMap<string, Variable> {
  const definitions = define(vars, set, file, problems);
  const references = new Map(
    [...definitions].map(([name, definition]) => [name, referencedVariables(definition.value)] as const),
  );
  const { order, cycles } = dependencyOrder([...definitions.keys()], (name) => references.get(name) ?? []);

  const inCycle = new Set(cycles.flat());
  const variables = new Map<string, Variable>();
  for (const cycle of cycles) {
    const location = definitions.get(cycle[0] ?? '')?.location ?? { file };
    problems.add(location, `variables refer to each other in a cycle: ${cycle.join(' -> ')}`);
    for (const name of cycle) variables.set(name, { name, value: null, broken: true, location, file, uses: [] });
  }
  for (const name of definitions.keys()) {
    // The names have to be known before their turn, so that one behind a cycle is not called unknown.
    if (!variables.has(name)) variables.set(name, placeholder(name, file));
  }
  for (const name of order) {
    const definition = definitions.get(name);
    if (definition === undefined || inCycle.has(name)) continue;
    const result = substitute(definition.value, variables, budget);
    for (const { pointer, message, suggestion } of result.problems) {
      const { placed, location } = definition;
      problems.add(placed === undefined ? location : locateValue(placed, pointer), message, suggestion);
    }
    const leader = result.uses.find(({ pointer, leads }) => leads && pointer.length === 0)?.variable;
    variables.set(name, {
      name,
      value: result.value,
      broken: definition.broken || result.broken.length > 0,
      location: definition.location,
      file: leader?.file ?? definition.file,
      uses: [...new Set(result.uses.map((use) => use.variable))],
    });
  }
  return variables;
}

function placeholder(name: string, file: string): Variable {
  return { name, value: null, broken: true, location: { file }, file, uses: [] };
}

function define(
  vars: ReadonlyMap<string, Placed>,
  set: ReadonlyMap<string, string>,
  file: string,
  problems: Problems,
): ReadonlyMap<string, Definition> {
  const definitions = new Map<string, Definition>();
  for (const [name, placed] of vars) {
    if (!namePattern.test(name)) {
      const message = `\`${name}\` is not a name for a variable`;
      problems.add(locateKey(placed), message, 'use letters, digits, _ and -');
    }
    const { value, document } = placed;
    definitions.set(name, { value, broken: false, location: locateValue(placed), file: document.file, placed });
  }
  for (const [name, text] of set) {
    const location = { file: `--set ${name}=${text}` };
    if (!definitions.has(name)) {
      problems.add(location, `the recipe has no variable \`${name}\``, didYouMean(name, definitions.keys()));
      continue;
    }
    const parsed = parseSetting(text);
    if (!parsed.ok) problems.add(location, parsed.message);
    const value = parsed.ok ? parsed.value : null;
    definitions.set(name, { value, broken: !parsed.ok, location, file, placed: undefined });
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
