import type { JsonObject } from '../json.js';
import { canonicalJson, sha256 } from '../json.js';
import type { StageKind } from '../stages/kind.js';
import type { Digest } from '../store/digest.js';

/** Version of the key's own form. Raised when keys are computed in another way. */
export const actionFormat = 1;

/**
 * A stage made concrete: everything that its result depends on and nothing else. Names of stages, paths of files,
 * comments, gates and job counts are not in it.
 */
export interface Action {
  readonly format: typeof actionFormat;
  readonly kind: string;
  readonly version: number;
  /** Normalised parameters. A path of a source is replaced by `null`: its content is in `sources`. */
  readonly parameters: JsonObject;
  readonly inputs: { readonly [parameter: string]: Digest };
  /** Digest of the content of each source, by its pointer joined with dots. */
  readonly sources: { readonly [pointer: string]: Digest };
  readonly engines: { readonly [name: string]: string };
  /** Only for kinds that measure. */
  readonly hardware?: JsonObject;
  /** Raised in the configuration to disown all earlier results. */
  readonly epoch: number;
}

/** Hexadecimal sha256 of the canonical JSON of an action. */
export type ActionKey = string & { readonly brand: 'ActionKey' };

export function actionKey(action: Action): ActionKey {
  return sha256(canonicalJson(action as unknown as JsonObject)) as ActionKey;
}

/** The parameters as they stand in the key: normalised, without cosmetic ones, sources by content. */
export function keyParameters(
  kind: StageKind,
  parameters: JsonObject,
  sourcePointers: readonly (readonly string[])[],
): JsonObject {
  const normalised = kind.normalise?.(parameters) ?? parameters;
  const cosmetic = new Set(kind.cosmetic);
  const kept = Object.fromEntries(Object.entries(normalised).filter(([name]) => !cosmetic.has(name)));
  return sourcePointers.reduce<JsonObject>((result, pointer) => withNull(result, pointer), kept);
}

function withNull(object: JsonObject, [first, ...rest]: readonly string[]): JsonObject {
  if (first === undefined || !(first in object)) return object;
  const member = object[first];
  if (rest.length === 0) return { ...object, [first]: null };
  return { ...object, [first]: withNull(member as JsonObject, rest) };
}
