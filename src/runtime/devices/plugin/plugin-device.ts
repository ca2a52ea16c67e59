import { basename, extname } from 'node:path';
import { pathToFileURL } from 'node:url';
import { QuernError } from '../../../errors.js';
import { readOperatorWeights } from '../../operator-weights.js';
import type { Device, LinearOperator, PreparedOperator, Support } from '../device.js';
import { gemmReason, untiledPlan } from '../device.js';
import { DriverChannel } from './channel.js';
import { PluginOperator } from './plugin-operator.js';

/** Longest time of a call unless the user says otherwise. */
export const defaultTimeoutMs = 30_000;

export interface PluginDeviceOptions {
  /** Path of the driver's module. */
  readonly path: string;
  readonly timeoutMs?: number;
}

/**
 * Opens a device that a module of the user's drives.
 * @throws QuernError (`engine`) if the module can't be loaded or is no driver
 */
export async function openPluginDevice(options: PluginDeviceOptions): Promise<Device> {
  const { path, timeoutMs = defaultTimeoutMs } = options;
  const name = `plugin:${basename(path, extname(path))}`;
  const channel = await openChannel(name, path, timeoutMs);
  let prepared = 0;
  return {
    name,
    capabilities: () => ({ description: channel.description ?? 'a driver of your own', flows: [] }),
    supports: (operator) => supports(channel, operator),
    plan: untiledPlan,
    prepare(source): PreparedOperator {
      const { operator } = source;
      const id = prepared++;
      channel.call({ call: 'prepare', id, operator, weights: readOperatorWeights(source) });
      return new PluginOperator(channel, id, source);
    },
    close: () => channel.close(),
  };
}

async function openChannel(name: string, path: string, timeoutMs: number): Promise<DriverChannel> {
  try {
    return await DriverChannel.open(pathToFileURL(path).href, timeoutMs);
  } catch (error) {
    if (!(error instanceof QuernError)) throw error;
    throw new QuernError('engine', `${name} can't be used: ${path}: ${error.message}`, { cause: error });
  }
}

/** Drivers see operators that take floats and give floats. */
function supports(channel: DriverChannel, operator: LinearOperator): Support {
  if (!operator.constantWeights) return { ok: false, reason: 'weights are not constant' };
  if (operator.operatorType === 'MatMulInteger') {
    return { ok: false, reason: 'drivers take operators with float activations, and MatMulInteger has integers' };
  }
  if (operator.operatorType === 'Gemm') return { ok: false, reason: gemmReason };
  if (!['MatMul', 'MatMulNBits'].includes(operator.operatorType)) {
    return { ok: false, reason: `drivers don't take ${operator.operatorType}` };
  }
  if (!['float32', 'int8', 'int4', 'int3'].includes(operator.weights.type)) {
    return { ok: false, reason: `drivers take float32, int8 and group weights, not ${operator.weights.type}` };
  }
  const answer = channel.call({ call: 'supports', operator });
  if (answer === true) return { ok: true };
  return { ok: false, reason: typeof answer === 'string' ? answer : 'the driver does not say why' };
}
