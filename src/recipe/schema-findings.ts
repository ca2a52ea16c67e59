import type { ErrorObject } from 'ajv/dist/2020.js';
import { isJsonObject, type JsonObject } from '../json.js';
import { isPrefix, type Pointer } from './document.js';
import { allowedTexts, either, expectation, resolveSchema, shown } from './expectation.js';

/** One violation of a schema, with one finding per cause. */
export type SchemaFinding =
  /** A mapping has a key it should not have. `known` are the keys it may have. */
  | { readonly type: 'unknown'; readonly pointer: Pointer; readonly name: string; readonly known: readonly string[] }
  /** A mapping lacks a key. */
  | { readonly type: 'missing'; readonly pointer: Pointer; readonly name: string }
  /** A value is wrong. The message goes on from its name: "must be true or false, got 3". */
  | {
      readonly type: 'value';
      readonly pointer: Pointer;
      readonly message: string;
      readonly value: unknown;
      /** The texts that the value may be, as far as they can be listed. */
      readonly allowed: readonly string[];
    };

/**
 * Reduces the errors of Ajv (made with `allErrors` and `verbose`) to findings. Of an `anyOf` or `oneOf` only what speaks
 * about the alternative that was meant is kept. What stands at a `broken` pointer is not judged, nor is a choice that may
 * hang on it. `root` is the schema that `#` means in a `$ref`.
 */
export function schemaFindings(
  errors: readonly ErrorObject[],
  root: JsonObject,
  broken: readonly Pointer[],
): readonly SchemaFinding[] {
  const plain = errors.filter((error) => error.propertyName === undefined && error.keyword !== 'if');
  const unsure = plain.filter((error) => broken.some((pointer) => hangsOn(error, pointer)));
  const sure = plain.filter((error) => !unsure.some((other) => other === error || isPartOf(error, other)));
  return distinct(summarize(sure, root));
}

function hangsOn(error: ErrorObject, broken: Pointer): boolean {
  const place = parsePointer(error.instancePath);
  if (isPrefix(broken, place)) return true;
  const isChoice = /^(anyOf|oneOf|not|const|enum|uniqueItems|contains)$/.test(error.keyword);
  return isChoice && isPrefix(place, broken);
}

function summarize(errors: readonly ErrorObject[], root: JsonObject): readonly SchemaFinding[] {
  const combined = errors.filter((error) => error.keyword === 'anyOf' || error.keyword === 'oneOf');
  const outermost = combined.filter((error) => !combined.some((other) => other !== error && isPartOf(error, other)));
  const rest = errors.filter(
    (error) => !combined.includes(error) && !outermost.some((other) => isPartOf(error, other)),
  );
  return [
    ...rest.map((error) => finding(error, root)),
    ...outermost.flatMap((error) =>
      alternatives(
        error,
        errors.filter((one) => isPartOf(one, error)),
        root,
      ),
    ),
  ];
}

function isPartOf(error: ErrorObject, combination: ErrorObject): boolean {
  return error !== combination && branchPrefixes(combination).some((prefix) => isWithin(error, combination, prefix));
}

function isWithin(error: ErrorObject, combination: ErrorObject, prefix: string): boolean {
  const below = `${error.instancePath}/`.startsWith(`${combination.instancePath}/`);
  return below && error.schemaPath.startsWith(prefix);
}

/** Where the errors of each alternative come from. Ajv gives those behind a `$ref` the path of its target. */
function branchPrefixes(combination: ErrorObject): readonly string[] {
  const branches: unknown = combination.schema;
  if (!Array.isArray(branches)) return [];
  return branches.map((branch: unknown, index) => {
    const reference = isJsonObject(branch) ? branch.$ref : undefined;
    return typeof reference === 'string' ? `${reference}/` : `${combination.schemaPath}/${index}/`;
  });
}

/** Decides which alternative was meant: the only one of the right type, or the only one with the fewest mistakes. */
function alternatives(
  combination: ErrorObject,
  errors: readonly ErrorObject[],
  root: JsonObject,
): readonly SchemaFinding[] {
  const branches: readonly unknown[] = Array.isArray(combination.schema) ? combination.schema : [];
  const pointer = parsePointer(combination.instancePath);
  const value: unknown = combination.data;
  const mustBe = `must be ${either(branches.map((branch) => expectation(branch, root)))}, got ${shown(value)}`;
  const general: SchemaFinding = {
    type: 'value',
    pointer,
    message: mustBe,
    value,
    allowed: allowedTexts(combination.parentSchema, root),
  };

  const candidates = branchPrefixes(combination)
    .map((prefix) => errors.filter((error) => isWithin(error, combination, prefix)))
    .filter((found) => found.length > 0 && !found.some((error) => isWrongType(error, combination)))
    .map((found) => summarize(found, root))
    .sort((left, right) => left.length - right.length);
  const [best, second] = candidates;
  if (best === undefined) return [general];
  const isClear = second === undefined || best.length < second.length;
  // Words about a single value are better when they name all that it may be.
  const isScalar = best.every((one) => one.type === 'value' && one.pointer.length === pointer.length);
  if (isClear && !(isScalar && branches.length > 1)) return best;
  return unknownEverywhere(candidates) ?? [general];
}

/** When no alternative knows a key, that is the mistake, and any of the alternatives may have been meant. */
function unknownEverywhere(candidates: readonly (readonly SchemaFinding[])[]): readonly SchemaFinding[] | undefined {
  const [first = [], ...others] = candidates;
  const unknown = first.flatMap((one) => (one.type === 'unknown' ? [one] : []));
  const shared = unknown.filter((one) =>
    others.every((findings) => findings.some((other) => other.type === 'unknown' && other.name === one.name)),
  );
  if (shared.length === 0) return undefined;
  const known = candidates.flatMap((findings) => findings.flatMap((one) => (one.type === 'unknown' ? one.known : [])));
  return shared.map((one) => ({ ...one, known: [...new Set(known)] }));
}

function isWrongType(error: ErrorObject, combination: ErrorObject): boolean {
  if (error.instancePath !== combination.instancePath) return false;
  if (error.keyword === 'type') return true;
  return (error.keyword === 'const' || error.keyword === 'enum') && typeof error.data === 'object';
}

function finding(error: ErrorObject, root: JsonObject): SchemaFinding {
  const pointer = parsePointer(error.instancePath);
  const schema = resolveSchema(error.parentSchema, root);
  const value: unknown = error.data;
  const params: { readonly [name: string]: unknown } = error.params;
  const wrong = (message: string): SchemaFinding => ({
    type: 'value',
    pointer,
    message,
    value,
    allowed: allowedTexts(schema, root),
  });
  switch (error.keyword) {
    case 'additionalProperties':
    case 'unevaluatedProperties': {
      const name = String(params.additionalProperty ?? params.unevaluatedProperty);
      return {
        type: 'unknown',
        pointer,
        name,
        known: isJsonObject(schema.properties) ? Object.keys(schema.properties) : [],
      };
    }
    case 'required':
      return { type: 'missing', pointer, name: String(params.missingProperty) };
    case 'dependentRequired':
      return wrong(`has \`${params.property}\`, which needs \`${params.missingProperty}\` as well`);
    case 'propertyNames':
      return wrong(`can't have the key \`${params.propertyName}\``);
    case 'uniqueItems':
      return wrong(`has ${Array.isArray(value) ? shown(value[Number(params.j)]) : 'an entry'} twice`);
    case 'type':
    case 'const':
    case 'enum':
    case 'minimum':
    case 'maximum':
    case 'exclusiveMinimum':
    case 'exclusiveMaximum':
    case 'multipleOf':
    case 'minLength':
    case 'maxLength':
    case 'pattern':
    case 'minItems':
    case 'maxItems':
      return wrong(`must be ${expectation(schema, root)}, got ${shown(value)}`);
    case 'not':
    case 'false schema':
      return wrong(`can't be ${shown(value)} here`);
    default:
      return wrong(error.message ?? 'is wrong');
  }
}

/** Keeps one finding about each value, one for each key that is unknown or missing. */
function distinct(findings: readonly SchemaFinding[]): readonly SchemaFinding[] {
  const seen = new Set<string>();
  return findings.filter((one) => {
    const name = one.type === 'value' ? [] : [one.name];
    const identity = JSON.stringify([one.type, one.pointer, ...name]);
    const isNew = !seen.has(identity);
    seen.add(identity);
    return isNew;
  });
}

/** Reads a JSON pointer (RFC 6901). */
function parsePointer(text: string): Pointer {
  return text
    .split('/')
    .slice(1)
    .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'));
}
