import type { Json, JsonObject } from '../json.js';
import { canonicalJson, isJsonObject } from '../json.js';
import type { Action } from './action.js';

/** One field of an action that is not what it was. `undefined` stands for absent. */
export interface Difference {
  /** Dotted path, for example `parameters.alpha` or `inputs.model`. */
  readonly field: string;
  readonly before: Json | undefined;
  readonly after: Json | undefined;
}

/** The fields in which two actions differ, in the order of their names. */
export function actionDifferences(before: Action, after: Action): Difference[] {
  return differences('', before as unknown as JsonObject, after as unknown as JsonObject);
}

function differences(path: string, before: Json | undefined, after: Json | undefined): Difference[] {
  if (isJsonObject(before) && isJsonObject(after)) {
    const names = [...new Set([...Object.keys(before), ...Object.keys(after)])].sort();
    return names.flatMap((name) =>
      differences(path === '' ? name : `${path}.${name}`, member(before, name), member(after, name)),
    );
  }
  if (Array.isArray(before) && Array.isArray(after)) {
    const length = Math.max(before.length, after.length);
    return Array.from({ length }, (_, index) => differences(`${path}[${index}]`, before[index], after[index])).flat();
  }
  return sameJson(before, after) ? [] : [{ field: path, before, after }];
}

function member(object: JsonObject, name: string): Json | undefined {
  return Object.hasOwn(object, name) ? object[name] : undefined;
}

function sameJson(left: Json | undefined, right: Json | undefined): boolean {
  if (left === undefined || right === undefined) return left === right;
  return canonicalJson(left) === canonicalJson(right);
}
