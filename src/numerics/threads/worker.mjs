// @ts-check
// A thread that takes part in some jobs. JavaScript and not TypeScript, so that a thread can start with it wherever quern runs.
import { parentPort, workerData } from 'node:worker_threads';

/** @import { ThreadStart, ThreadMessage } from './spread.js' */

/** @type {ThreadStart} */
const { module, jobs, next } = workerData;
/** @type {{ run: (job: unknown) => unknown }} */
const { run } = await import(module);

for (let index = Atomics.add(next, 0, 1); index < jobs.length; index = Atomics.add(next, 0, 1)) {
  /** @type {ThreadMessage} */
  let message;
  try {
    message = { index, result: run(jobs[index]) };
  } catch (error) {
    // Errors lose their type and fields on the way between threads.
    const { message: text, code, suggestion } = /** @type {Error & { code?: string; suggestion?: string }} */ (error);
    message = { index, error: { message: text, code, suggestion } };
  }
  parentPort?.postMessage(message, buffersOf('result' in message ? message.result : undefined));
}

/**
 * The memory of the arrays in a result, which goes to the other thread without being copied.
 * @param {unknown} value
 * @returns {ArrayBuffer[]}
 */
function buffersOf(value) {
  if (ArrayBuffer.isView(value)) return value.buffer instanceof ArrayBuffer ? [value.buffer] : [];
  if (typeof value !== 'object' || value === null) return [];
  return [...new Set(Object.values(value).flatMap(buffersOf))];
}
