import type { Json } from '../../json.js';
import { isJsonObject } from '../../json.js';

/** A value of a JSON file that is not what it was. Absent values are `null`. */
export interface ChangedValue {
  readonly file: string;
  /** JSON pointer. */
  readonly pointer: string;
  readonly before: Json;
  readonly after: Json;
  /** |before - after| / max(|before|, |after|). `null` unless both are numbers. */
  readonly relative: number | null;
}

/** The differing leaves of two JSON values, in the order in which they stand in the first. */
export function compareJson(
  file: string,
  before: Json | undefined,
  after: Json | undefined,
  pointer = '',
): ChangedValue[] {
  const members = memberNames(before, after);
  if (members !== undefined) {
    return members.flatMap((name) =>
      compareJson(file, memberOf(before, name), memberOf(after, name), `${pointer}/${escapePointer(name)}`),
    );
  }
  if (JSON.stringify(before) === JSON.stringify(after)) return [];
  return [{ file, pointer, before: before ?? null, after: after ?? null, relative: relativeDifference(before, after) }];
}

/** Names of the members of two containers of the same sort; `undefined` for anything else. */
function memberNames(before: Json | undefined, after: Json | undefined): string[] | undefined {
  const bothObjects = isJsonObject(before) && isJsonObject(after);
  const bothLists = Array.isArray(before) && Array.isArray(after);
  if (!bothObjects && !bothLists) return undefined;
  return [...new Set([...Object.keys(before), ...Object.keys(after)])];
}

function memberOf(value: Json | undefined, name: string): Json | undefined {
  if (Array.isArray(value)) return value[Number(name)];
  return isJsonObject(value) ? value[name] : undefined;
}

function relativeDifference(before: Json | undefined, after: Json | undefined): number | null {
  if (typeof before !== 'number' || typeof after !== 'number') return null;
  return Math.abs(before - after) / Math.max(Math.abs(before), Math.abs(after));
}

function escapePointer(name: string): string {
  return name.replaceAll('~', '~0').replaceAll('/', '~1');
}
