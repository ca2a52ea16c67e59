import { type JsonObject, sha256 } from '../json.js';
import type { StageKind } from '../stages/kind.js';
import { stageSchema } from './stage-schema.js';

/**
 * Parameters that have passed their schema before, with the defaults filled in. Checking them again is most of the time
 * that loading a recipe takes, and gives the same.
 */
export interface CheckedParameters {
  find(key: string): JsonObject | undefined;
  add(key: string, filledIn: JsonObject): void;
}

const schemaDigests = new WeakMap<StageKind, string>();

/** Stands for parameters, as they are given, and the schema they are checked with. */
export function checkedKey(kind: StageKind, parameters: JsonObject): string {
  const schema = schemaDigests.get(kind) ?? sha256(JSON.stringify(stageSchema(kind)));
  schemaDigests.set(kind, schema);
  return sha256(`${schema}\n${JSON.stringify(parameters)}`);
}
