import type { Location } from '../errors.js';
import { isJsonObject, type Json } from '../json.js';
import { didYouMean } from '../nearest.js';
import type { StageKind } from '../stages/kind.js';
import type { CheckedParameters } from './checked-parameters.js';
import type { Pointer } from './document.js';
import { shown } from './expectation.js';
import { type Axis, readMatrix } from './matrix.js';
import type { Composition, GivenStage, Members } from './merge.js';
import { locateKey, locateValue, type Placed } from './place.js';
import type { Problems } from './problems.js';
import { referencedVariables, type SubstitutionBudget, substitute, type Variable } from './substitution.js';
import { namePattern } from './template.js';

/** What reading a stage takes from the recipe around it. */
export interface StageContext {
  readonly kinds: ReadonlyMap<string, StageKind>;
  readonly defaults: Composition['defaults'];
  readonly variables: ReadonlyMap<string, Variable>;
  readonly budget: SubstitutionBudget;
  readonly problems: Problems;
  readonly checked: CheckedParameters | undefined;
}

/** A stage of a known kind and with a sound matrix, before its matrix is expanded and its parameters are looked at. */
export interface PreparedStage {
  readonly name: string;
  readonly kind: StageKind;
  /** The stage itself, for what is missing in it. */
  readonly declaration: Placed;
  /** Parameters, inputs and gates, with the defaults of the kind. */
  readonly members: Members;
  readonly axes: readonly Axis[];
  /** Keys of the matrix that are parameters, and not given beside it: they set the parameter. */
  readonly setting: ReadonlySet<string>;
}

/** Place of the value of a member, or of the nearest thing around it that is in the text. `members` are those of the stage. */
export function locateMember(members: Members, declaration: Placed, pointer: Pointer, part: 'key' | 'value'): Location {
  const [name = '', ...inside] = pointer;
  const placed = members.get(name);
  const locate = part === 'key' ? locateKey : locateValue;
  return placed === undefined ? locate(declaration, pointer) : locate(placed, inside);
}

/** Reads what a stage is. Without a kind or its matrix there is nothing more to say about it than what has been reported. */
export function prepareStage(given: GivenStage, context: StageContext): PreparedStage | undefined {
  const { name, declaration } = given;
  const { problems } = context;
  if (!namePattern.test(name)) {
    problems.add(locateKey(declaration), `\`${name}\` is not a name for a stage`, 'use letters, digits, _ and -');
  }
  if (!isJsonObject(declaration.value)) {
    const message = `the stage \`${name}\` must be a mapping, got ${shown(declaration.value)}`;
    problems.add(locateValue(declaration), message, 'for example { kind: load, source: ./model }');
    return undefined;
  }
  const kind = readKind(given, context);
  if (kind === undefined) return undefined;
  const matrix = given.members.get('matrix');
  const axes = matrix === undefined ? [] : readMatrix(matrix, context.variables, context.budget, problems);
  if (axes === undefined) return undefined;
  const own = new Map([...given.members].filter(([member]) => member !== 'kind' && member !== 'matrix'));
  const parameters = parameterNames(kind);
  const setting = new Set(axes.map(({ key }) => key).filter((key) => !own.has(key) && parameters.includes(key)));
  const defaults = [...(context.defaults.get(kind.name) ?? [])].filter(([member]) => !setting.has(member));
  const members = withDefaults(own, new Map(defaults), given.removed);
  const prepared = { name, kind, declaration, members, axes, setting };
  for (const axis of axes) reportUnused(axis, prepared, problems);
  return prepared;
}

/** A parameter that is `null`, or that was taken away from a base, goes without the default. */
function withDefaults(own: Members, defaults: Members, removed: ReadonlySet<string>): Members {
  const members = new Map(own);
  for (const [name, placed] of defaults) {
    if (own.get(name)?.value === null) members.delete(name);
    else if (!own.has(name) && !removed.has(name)) members.set(name, placed);
  }
  return members;
}

function parameterNames(kind: StageKind): readonly string[] {
  const schema: unknown = kind.parameters;
  const properties = isJsonObject(schema) ? schema.properties : undefined;
  return [...Object.keys(kind.inputs), ...(isJsonObject(properties) ? Object.keys(properties) : [])];
}

/** Variants that do not differ are a misspelt key. */
function reportUnused(axis: Axis, stage: PreparedStage, problems: Problems): void {
  const { key, placed } = axis;
  if (stage.setting.has(key)) return;
  const name = `matrix.${key}`;
  if ([...stage.members.values()].some(({ value }) => referencedVariables(value).includes(name))) return;
  const suggestion = didYouMean(key, parameterNames(stage.kind)) ?? `use it as \${${name}}`;
  problems.add(
    locateKey(placed),
    `\`${key}\` sets no parameter of kind ${stage.kind.name} and is not used`,
    suggestion,
  );
}

function readKind(given: GivenStage, context: StageContext): StageKind | undefined {
  const { name, declaration, members } = given;
  const { kinds, problems } = context;
  const known = `kinds are ${[...kinds.keys()].join(', ')}`;
  const placed = members.get('kind');
  if (placed === undefined) {
    problems.add(locateKey(declaration), `the stage \`${name}\` has no \`kind\``, known);
    return undefined;
  }
  const read = substitute(placed.value, context.variables, context.budget);
  const location = locateValue(placed);
  for (const { message, suggestion } of read.problems) problems.add(location, message, suggestion);
  if (read.broken.length > 0) return undefined;
  const kindName: Json = read.value;
  if (typeof kindName !== 'string') {
    problems.add(location, `\`kind\` must be the name of a kind, got ${shown(kindName)}`, known);
    return undefined;
  }
  const kind = kinds.get(kindName);
  if (kind === undefined) {
    problems.add(location, `unknown kind \`${kindName}\``, didYouMean(kindName, kinds.keys()) ?? known);
  }
  return kind;
}
