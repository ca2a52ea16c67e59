import { resolve } from 'node:path';
import { QuernError } from '../../errors.js';
import { didYouMean } from '../../nearest.js';
import { builtInProviders } from '../../ort/execution-provider.js';
import { deviceNames, npuNames } from './names.js';
import type { DeviceSpec } from './spec.js';

/**
 * Devices as they are written on the command line, in order of preference: `npu:stx,ep:webgpu,plugin:./driver.mjs,cpu`.
 * Paths are relative to the current directory.
 * @throws QuernError (`usage`) for other names
 */
export function parseDeviceList(text: string): readonly DeviceSpec[] {
  return text.split(',').map((name) => parseDevice(name.trim()));
}

function parseDevice(name: string): DeviceSpec {
  if (name === 'cpu') return 'cpu';
  const npu = npuNames.find((candidate) => name === `npu:${candidate}`);
  if (npu !== undefined) return { npu };
  const ep = builtInProviders.find((candidate) => name === `ep:${candidate}`);
  if (ep !== undefined) return { ep };
  const [, path] = /^plugin:(.+)$/.exec(name) ?? [];
  if (path !== undefined) return { plugin: resolve(path) };
  const known = [...deviceNames, ...builtInProviders.map((provider) => `ep:${provider}`)];
  throw new QuernError('usage', `unknown device ${JSON.stringify(name)}`, {
    suggestion: didYouMean(name, known) ?? `devices are ${known.join(', ')} and plugin:PATH`,
  });
}
