import { isJsonObject, type Json, type JsonObject } from '../json.js';

/** A schema with its local `$ref` followed; `{}` for what is not an object. `root` is the schema that `#` means. */
export function resolveSchema(schema: unknown, root: JsonObject): JsonObject {
  let current = schema;
  for (let step = 0; step < 10 && isJsonObject(current); step++) {
    const reference = current.$ref;
    if (typeof reference !== 'string') return current;
    if (!reference.startsWith('#')) return {};
    const parts = reference.split('/').slice(1);
    current = parts.reduce<unknown>((parent, part) => (isJsonObject(parent) ? parent[part] : undefined), root);
  }
  return {};
}

/** What a value has to be, in words that follow "must be": "a number between 0 and 1 or `auto`". */
export function expectation(schema: unknown, root: JsonObject, depth = 0): string {
  const resolved = resolveSchema(schema, root);
  if (resolved.const !== undefined) return quoted(resolved.const);
  if (Array.isArray(resolved.enum)) return oneOf(resolved.enum);
  const alternatives = resolved.anyOf ?? resolved.oneOf;
  if (Array.isArray(alternatives) && depth < 5) {
    return either(alternatives.map((alternative) => expectation(alternative, root, depth + 1)));
  }
  const types = Array.isArray(resolved.type) ? resolved.type : [resolved.type];
  return either(types.map((type) => typeExpectation(type, resolved)));
}

/** The texts that a schema lists as allowed. */
export function allowedTexts(schema: unknown, root: JsonObject, depth = 0): readonly string[] {
  const resolved = resolveSchema(schema, root);
  const listed = Array.isArray(resolved.enum) ? resolved.enum : [resolved.const];
  const nested = [resolved.anyOf, resolved.oneOf].flatMap((branches) => (Array.isArray(branches) ? branches : []));
  return [
    ...listed.filter((value) => typeof value === 'string'),
    ...(depth < 5 ? nested.flatMap((branch) => allowedTexts(branch, root, depth + 1)) : []),
  ];
}

/** How a value is shown behind "got". */
export function shown(value: unknown): string {
  if (value === null || value === undefined) return 'nothing';
  if (Array.isArray(value)) {
    if (value.length === 0) return 'an empty list';
    return value.length === 1 ? 'a list of 1 entry' : `a list of ${value.length} entries`;
  }
  if (typeof value === 'object') return Object.keys(value).length === 0 ? 'an empty mapping' : 'a mapping';
  const text = JSON.stringify(value);
  return text.length > 60 ? `${text.slice(0, 60)}...` : text;
}

/** "a", "a or b", "a, b or c"; each alternative once. */
export function either(alternatives: readonly string[]): string {
  const distinct = [...new Set(alternatives)];
  const last = distinct.at(-1) ?? 'something else';
  return distinct.length < 2 ? last : `${distinct.slice(0, -1).join(', ')} or ${last}`;
}

function oneOf(values: readonly Json[]): string {
  const [only] = values;
  return values.length === 1 ? quoted(only ?? null) : `one of ${values.map(plain).join(', ')}`;
}

function plain(value: Json): string {
  return typeof value === 'string' && /^[\w.:/-]+$/.test(value) ? value : JSON.stringify(value);
}

function quoted(value: Json): string {
  return typeof value === 'string' ? `\`${value}\`` : plain(value);
}

function typeExpectation(type: unknown, schema: JsonObject): string {
  switch (type) {
    case 'number':
      return `a number${bounds(schema)}`;
    case 'integer':
      return `a whole number${bounds(schema)}`;
    case 'string':
      return text(schema);
    case 'boolean':
      return 'true or false';
    case 'array':
      return list(schema);
    case 'object':
      return mapping(schema);
    case 'null':
      return 'nothing';
    default:
      return 'something else';
  }
}

function bounds(schema: JsonObject): string {
  const { minimum, maximum, exclusiveMinimum, exclusiveMaximum, multipleOf } = schema;
  const multiple = multipleOf === undefined ? '' : ` that is a multiple of ${multipleOf}`;
  if (minimum !== undefined && maximum !== undefined) return `${multiple} between ${minimum} and ${maximum}`;
  const lower = minimum !== undefined ? `at least ${minimum}` : `above ${exclusiveMinimum}`;
  const upper = maximum !== undefined ? `at most ${maximum}` : `below ${exclusiveMaximum}`;
  const limits = [
    ...(minimum !== undefined || exclusiveMinimum !== undefined ? [lower] : []),
    ...(maximum !== undefined || exclusiveMaximum !== undefined ? [upper] : []),
  ];
  const [only] = limits;
  if (only === undefined) return multiple;
  return limits.length === 1 && only.startsWith('at ')
    ? `${multiple} of ${only}`
    : `${multiple} ${limits.join(' and ')}`;
}

function text(schema: JsonObject): string {
  const { minLength, maxLength, pattern } = schema;
  if (pattern !== undefined) return `a text that matches ${pattern}`;
  if (typeof maxLength === 'number') return `a text of at most ${maxLength} characters`;
  return typeof minLength === 'number' && minLength > 0 ? 'a text that is not empty' : 'a text';
}

function list(schema: JsonObject): string {
  const { minItems, maxItems } = schema;
  if (minItems !== undefined && minItems === maxItems) return `a list of ${entries(minItems)}`;
  const limits = [
    ...(minItems === undefined ? [] : [`at least ${entries(minItems)}`]),
    ...(maxItems === undefined ? [] : [`at most ${entries(maxItems)}`]),
  ];
  return limits.length === 0 ? 'a list' : `a list of ${limits.join(' and ')}`;
}

function entries(count: Json): string {
  return count === 1 ? '1 entry' : `${String(count)} entries`;
}

function mapping(schema: JsonObject): string {
  const required = Array.isArray(schema.required) ? schema.required : [];
  return required.length === 0 ? 'a mapping' : `a mapping with ${required.map(quoted).join(' and ')}`;
}
