// @ts-check
// The thread of a user's driver: one call at a time, each answered by one reply. JavaScript and not TypeScript, so that a
// thread can start with it wherever quern runs.
import { workerData } from 'node:worker_threads';

/**
 * @import { DeviceDriver } from './driver.js'
 * @import { DriverCall, DriverReply, WorkerStart } from './messages.js'
 */

/** @type {WorkerStart} */
const { module, port, replies } = workerData;
/** @type {Map<number, unknown>} */
const prepared = new Map();

/** @param {DriverReply} message */
function reply(message) {
  port.postMessage(message);
  Atomics.add(replies, 0, 1);
  Atomics.notify(replies, 0);
}

/**
 * @param {DeviceDriver} driver
 * @param {DriverCall} message
 * @returns {Promise<unknown>}
 */
async function handle(driver, message) {
  switch (message.call) {
    case 'supports':
      return await driver.supports(message.operator);
    case 'prepare':
      prepared.set(message.id, await driver.prepare(message.operator, message.weights));
      return undefined;
    case 'run':
      return await run(driver, message);
    case 'release':
      prepared.delete(message.id);
      return undefined;
    default:
      return await driver.close?.();
  }
}

/**
 * @param {DeviceDriver} driver
 * @param {DriverCall & { call: 'run' }} message
 */
async function run(driver, { id, rows, k, n, memory }) {
  const activations = new Float32Array(memory, 0, rows * k);
  const output = new Float32Array(memory, activations.byteLength, rows * n);
  // What the driver does not write must not look like a result.
  output.fill(Number.NaN);
  /** @type {unknown} */
  const returned = await driver.run(prepared.get(id), { rows, activations, output });
  if (returned === undefined || returned === output) return;
  if (!(returned instanceof Float32Array)) throw new Error('its result is not a Float32Array');
  if (returned.length !== output.length) {
    throw new Error(`its result has ${returned.length} numbers, not ${rows} x ${n}`);
  }
  output.set(returned);
}

/** @param {unknown} error */
function reasonOf(error) {
  return error instanceof Error ? error.message : String(error);
}

/**
 * @param {any} exported
 * @returns {DeviceDriver}
 */
function requireDriver(exported) {
  for (const name of ['supports', 'prepare', 'run']) {
    if (typeof exported?.[name] !== 'function') throw new Error(`its default export has no function ${name}`);
  }
  return exported;
}

// A driver that ends its thread answers the call it was in by that.
process.on('exit', () => reply({ ok: false, reason: 'its thread ended', isGone: true }));
try {
  const driver = requireDriver((await import(module)).default);
  port.on('message', (message) => {
    handle(driver, message).then(
      (value) => reply({ ok: true, value }),
      (error) => reply({ ok: false, reason: reasonOf(error) }),
    );
  });
  reply({ ok: true, value: driver.description });
} catch (error) {
  reply({ ok: false, reason: reasonOf(error) });
}
