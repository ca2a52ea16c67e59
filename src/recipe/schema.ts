import { isJsonObject, type Json, type JsonObject } from '../json.js';
import type { InputSlot, StageKind } from '../stages/kind.js';
import { languageVersion } from './outline.js';
import { stageSchema } from './stage-schema.js';
import { namePattern } from './template.js';

const variable = { $ref: '#/$defs/variable' };

/**
 * The JSON Schema (draft 2020-12) of recipes with these stage kinds, for editors. It takes a `${variable}` as the value of
 * every parameter, and so accepts some recipes that `loadRecipe` does not.
 */
export function recipeSchema(kinds: ReadonlyMap<string, StageKind>): JsonObject {
  const names = [...kinds.keys()];
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    $id: `urn:quern:schema:recipe:${languageVersion}`,
    title: 'quern recipe',
    type: 'object',
    required: ['quern', 'stages'],
    additionalProperties: false,
    properties: {
      $schema: { type: 'string' },
      quern: { const: languageVersion, description: 'Version of the recipe language' },
      description: { type: 'string' },
      vars: {
        type: 'object',
        description: 'Values by name, for use in the stages; --set name=value replaces one',
        propertyNames: { pattern: namePattern.source },
      },
      stages: {
        type: 'object',
        minProperties: 1,
        propertyNames: { pattern: namePattern.source },
        additionalProperties: { $ref: '#/$defs/stage' },
      },
    },
    $defs: {
      variable: { type: 'string', pattern: '\\$\\{', description: 'The value of a variable' },
      gates: gatesSchema,
      stage: {
        type: 'object',
        required: ['kind'],
        properties: { kind: orVariable({ enum: names, description: 'What the stage does' }) },
        allOf: names.map((name) => ({
          if: { properties: { kind: { const: name } }, required: ['kind'] },
          // biome-ignore lint/suspicious/noThenProperty: a keyword of JSON Schema
          then: { $ref: `#/$defs/${definitionName(name)}` },
        })),
      },
      ...Object.fromEntries([...kinds].map(([name, kind]) => [definitionName(name), kindSchema(kind)])),
    },
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
  return {
    ...widened,
    description: kind.summary,
    properties: {
      kind: { const: kind.name },
      ...(isJsonObject(widened.properties) ? widened.properties : {}),
      gates: { $ref: '#/$defs/gates' },
    },
  };
}

function definitionName(kindName: string): string {
  return `kind-${kindName}`;
}

function inputSchema(slot: InputSlot): JsonObject {
  return { type: 'string', description: `Name of a stage that makes: ${slot.accepts.join(', ')}` };
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
  const { description, default: initial, title, ...rest } = schema;
  const alternatives = Object.keys(rest).length === 1 && Array.isArray(rest.anyOf) ? rest.anyOf : [rest];
  const about = Object.entries({ title, description, default: initial }).filter(([, value]) => value !== undefined);
  return { ...Object.fromEntries(about), anyOf: [...alternatives, variable] };
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
