import { cpuDevice } from './cpu.js';
import type { Device } from './device.js';
import type { DeviceName } from './names.js';
import { simulatedNpu } from './npu/simulated.js';

const devices: { readonly [name in DeviceName]: Device } = {
  cpu: cpuDevice,
  'npu:phx': simulatedNpu('phx'),
  'npu:hpt': simulatedNpu('hpt'),
  'npu:stx': simulatedNpu('stx'),
};

/** The device of a name. */
export function deviceNamed(name: DeviceName): Device {
  return devices[name];
}
