import { isMainThread } from 'node:worker_threads';

const variable = 'ORT_DISABLE_TELEMETRY';

/**
 * Switches ONNX Runtime's telemetry off, which otherwise writes files into the user's cache directory and may send them.
 * Someone who has set the variable to 0 wants it on. Has to be called before the library is loaded.
 *
 * A worker thread has a copy of the environment that native code does not see: there the main thread must have called
 * this before it started the worker.
 */
export function disableTelemetry(): void {
  const value = process.env[variable];
  if (value === '0' || value === '1') return;
  if (!isMainThread) throw new Error(`${variable} has to be set before a worker thread that runs models is started`);
  process.env[variable] = '1';
}
