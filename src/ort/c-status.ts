import type { CApi, Pointer, PointerOut, Status } from './c-functions.js';
import { engineError } from './engine-error.js';

/** Throws a `QuernError` when a call failed. `action` says what was attempted. */
export function check(api: CApi, action: string, status: Status): void {
  if (status === null) return;
  const text = api.functions.GetErrorMessage(status);
  api.functions.ReleaseStatus(status);
  throw engineError(action, text);
}

/** The object a call makes. Throws a `QuernError` when it failed. */
export function create(api: CApi, action: string, call: (out: PointerOut) => Status): Pointer {
  const out: PointerOut = [null];
  check(api, action, call(out));
  if (out[0] === null) throw new Error(`${action}: ONNX Runtime gave no object`);
  return out[0];
}

/** The number a call reports. Throws a `QuernError` when it failed. */
export function read(api: CApi, action: string, call: (out: [number]) => Status): number {
  const out: [number] = [0];
  check(api, action, call(out));
  return out[0];
}
