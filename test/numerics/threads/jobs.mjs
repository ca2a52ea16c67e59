// @ts-check
import { isMainThread } from 'node:worker_threads';

/**
 * @param {{ value: number, error?: string, code?: string, everyThread?: Int32Array }} job
 * @returns {{ values: Float32Array, isMainThread: boolean }}
 */
export function run({ value, error, code, everyThread }) {
  if (everyThread !== undefined) meet(everyThread);
  if (error !== undefined) throw Object.assign(new Error(error), { code, suggestion: code && 'another value' });
  return { values: Float32Array.of(value, value * 2), isMainThread };
}

/**
 * Waits until as many jobs have begun as the second number says.
 * @param {Int32Array} counts
 */
function meet(counts) {
  Atomics.add(counts, 0, 1);
  Atomics.notify(counts, 0);
  for (let begun = Atomics.load(counts, 0); begun < (counts[1] ?? 0); begun = Atomics.load(counts, 0)) {
    Atomics.wait(counts, 0, begun, 10_000);
  }
}
