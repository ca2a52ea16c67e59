import { isJsonObject, type Json, type JsonObject } from '../json.js';
import type { InputSlot, StageKind } from '../stages/kind.js';
import { languageVersion } from './outline.js';
import { resourcesSchema } from './stage-resources.js';
import { stageSchema } from './stage-schema.js';
import { namePattern } from './template.js';

const variable = { $ref: '#/$defs/variable' };
const nothing = { type: 'null' };

/**
 * The JSON Schema (draft 2020-12) of recipes with these stage kinds, for editors. It takes a `${variable}` as the value of
 * every parameter, can't see what another file or a matrix gives, and so accepts some recipes that `loadRecipe` does not.
 */
export function recipeSchema(kinds: ReadonlyMap<string, StageKind>): JsonObject {
  const names = [...kinds.keys()];
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    $id: `urn:quern:schema:recipe:${languageVersion}`,
    title: 'quern recipe',
    type: 'object',
    required: ['quern'],
    additionalProperties: false,
    properties: {
      $schema: { type: 'string' },
      quern: { const: languageVersion, description: 'Version of the recipe language' },
      description: { type: 'string' },
      extends: { ...filesSchema, description: 'Recipes whose variables and stages this one takes over and changes' },
      include: { ...filesSchema, description: 'Recipes whose variables and stages this one adds to its own' },
      vars: {
        type: 'object',
        description: 'Values by name, for use in the stages; --set name=value replaces one',
        propertyNames: { pattern: namePattern.source },
      },
      defaults: {
        type: 'object',
        description: 'Parameters by kind, for the stages that do not give them',
        additionalProperties: false,
        properties: Object.fromEntries(names.map((name) => [name, { $ref: `#/$defs/${definitionName(name)}` }])),
      },
      stages: {
        type: 'object',
        propertyNames: { pattern: namePattern.source },
        additionalProperties: { $ref: '#/$defs/stage' },
      },
    },
    // What another file or a default may give is not required of a stage.
    if: { anyOf: ['extends', 'include', 'defaults'].map((key) => ({ required: [key] })) },
    else: {
      required: ['stages'],
      properties: { stages: { minProperties: 1, additionalProperties: { $ref: '#/$defs/complete-stage' } } },
    },
    $defs: {
      variable: { type: 'string', pattern: '\\$\\{', description: 'The value of a variable' },
      gates: gatesSchema,
      resources: resourcesSchema,
      matrix: matrixSchema,
      stage: {
        type: ['object', 'null'],
        properties: { kind: orVariable({ enum: names, description: 'What the stage does' }) },
        allOf: names.map((name) => ({
          if: { type: 'object', properties: { kind: { const: name } }, required: ['kind'] },
          // biome-ignore lint/suspicious/noThenProperty: a keyword of JSON Schema
          then: { $ref: `#/$defs/${definitionName(name)}` },
        })),
      },
      'complete-stage': {
        type: 'object',
        required: ['kind'],
        if: { not: { required: ['matrix'] } },
        // biome-ignore lint/suspicious/noThenProperty: a keyword of JSON Schema
        then: { allOf: [...kinds.values()].map(requiredParameters) },
      },
      ...Object.fromEntries([...kinds].map(([name, kind]) => [definitionName(name), kindSchema(kind)])),
    },
  };
}

const filesSchema = {
  anyOf: [
    { type: 'string', minLength: 1 },
    { type: 'array', items: { type: 'string', minLength: 1 } },
  ],
};

const matrixSchema = {
  description:
    'Makes a variant of the stage for each combination of the values. A key that is a parameter sets it, unless the stage gives it; any is used as ${matrix.key}',
  anyOf: [
    {
      type: 'object',
      minProperties: 1,
      propertyNames: { pattern: namePattern.source },
      additionalProperties: { anyOf: [{ type: 'array', minItems: 1 }, variable] },
    },
    variable,
  ],
};

function requiredParameters(kind: StageKind): JsonObject {
  return {
    if: { properties: { kind: { const: kind.name } }, required: ['kind'] },
    // biome-ignore lint/suspicious/noThenProperty: a keyword of JSON Schema
    then: { required: stageSchema(kind).required ?? [] },
  };
}

const limit = { anyOf: [{ type: 'number' }, { type: 'string', pattern: '^[-+]?\\d+(\\.\\d+)?\\s*%$' }, variable] };

const gatesSchema = {
  type: 'object',
  description: 'Limits of metrics, checked on every build',
  additionalProperties: {
    type: 'object',
    minProperties: 1,
    additionalProperties: false,
    properties: { min: limit, max: limit, equals: true },
  },
};

function kindSchema(kind: StageKind): JsonObject {
  const schema = stageSchema(kind);
  const properties = isJsonObject(schema.properties) ? schema.properties : {};
  const described = Object.entries(properties).map(([name, property]): [string, Json] => {
    const slot = Object.hasOwn(kind.inputs, name) ? kind.inputs[name] : undefined;
    return [name, slot === undefined ? (property ?? true) : inputSchema(slot)];
  });
  const widened = widenInside(
    { ...schema, properties: Object.fromEntries(described) },
    `#/$defs/${definitionName(kind.name)}`,
  );
  const { required: _required, ...optional } = widened;
  return {
    ...optional,
    description: kind.summary,
    properties: {
      kind: { const: kind.name },
      // `null` takes a parameter of a base, or a default, away.
      ...Object.fromEntries(
        Object.entries(isJsonObject(widened.properties) ? widened.properties : {}).map(([name, property]) => [
          name,
          isJsonObject(property) ? or(property, nothing) : (property ?? true),
        ]),
      ),
      gates: { $ref: '#/$defs/gates' },
      resources: { $ref: '#/$defs/resources' },
      matrix: { $ref: '#/$defs/matrix' },
    },
  };
}

function definitionName(kindName: string): string {
  return `kind-${kindName}`;
}

function inputSchema(slot: InputSlot): JsonObject {
  const types = slot.accepts.join(', ');
  return slot.list === true
    ? { type: 'array', minItems: 1, items: { type: 'string' }, description: `Names of stages that make: ${types}` }
    : { type: 'string', description: `Name of a stage that makes: ${types}` };
}

/** Keywords whose value is a schema, a list of schemas, or schemas by name. */
const schemaKeywords: ReadonlySet<string> = new Set([
  'items',
  'additionalProperties',
  'unevaluatedProperties',
  'contains',
]);
const listKeywords: ReadonlySet<string> = new Set(['prefixItems']);
const nameKeywords: ReadonlySet<string> = new Set(['properties', 'patternProperties', '$defs', 'definitions']);
/** Keywords whose schemas describe the same value as the schema around them, which has been widened already. */
const sameValueKeywords: ReadonlySet<string> = new Set(['allOf', 'anyOf', 'oneOf', 'then', 'else']);

/** Lets a variable stand for a value, unless any text may. */
function widen(schema: Json, root: string): Json {
  if (!isJsonObject(schema)) return schema;
  const inside = widenInside(schema, root);
  const isPlainText = schema.type === 'string' && schema.pattern === undefined && schema.format === undefined;
  if (isPlainText || typeof inside.$ref === 'string') return inside;
  return orVariable(inside);
}

/** Widens what is nested in a schema. References into the kind's own schema are made to start at `root`. */
function widenInside(schema: JsonObject, root: string): JsonObject {
  const entries = Object.entries(schema).map(([keyword, given]): [string, Json] => {
    const value = given ?? null;
    if (keyword === '$ref' && typeof value === 'string') return [keyword, rebase(value, root)];
    if (schemaKeywords.has(keyword)) return [keyword, widen(value, root)];
    if (listKeywords.has(keyword)) return [keyword, mapList(value, (one) => widen(one, root))];
    if (nameKeywords.has(keyword)) return [keyword, mapMembers(value, (one) => widen(one, root))];
    if (!sameValueKeywords.has(keyword)) return [keyword, value];
    // With variables allowed inside, several alternatives may hold at once.
    const loose = keyword === 'oneOf' ? 'anyOf' : keyword;
    const nested = (one: Json): Json => (isJsonObject(one) ? widenInside(one, root) : one);
    return [loose, Array.isArray(value) ? mapList(value, nested) : nested(value)];
  });
  return Object.fromEntries(entries);
}

function orVariable(schema: JsonObject): JsonObject {
  return or(schema, variable);
}

function or(schema: JsonObject, other: JsonObject): JsonObject {
  const { description, default: initial, title, ...rest } = schema;
  const alternatives = Object.keys(rest).length === 1 && Array.isArray(rest.anyOf) ? rest.anyOf : [rest];
  const about = Object.entries({ title, description, default: initial }).filter(([, value]) => value !== undefined);
  return { ...Object.fromEntries(about), anyOf: [...alternatives, other] };
}

function rebase(reference: string, root: string): string {
  return reference.startsWith('#/') ? root + reference.slice(1) : reference;
}

function mapList(value: Json, map: (one: Json) => Json): Json {
  return Array.isArray(value) ? value.map(map) : value;
}

function mapMembers(value: Json, map: (one: Json) => Json): Json {
  if (!isJsonObject(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, map(one ?? true)]));
}
