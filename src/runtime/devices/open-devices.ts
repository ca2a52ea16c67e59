import type { Engine } from '../../ort/engine.js';
import { cpuDevice } from './cpu.js';
import type { Device } from './device.js';
import { simulatedNpu } from './npu/simulated.js';
import { openPluginDevice } from './plugin/plugin-device.js';
import { openProviderDevice } from './provider/provider-device.js';
import { type DeviceSpec, defaultRequantizeScale, type NpuSpec, providerRequestOf } from './spec.js';

/**
 * Opens devices. Paths in the descriptions are absolute. The caller closes them.
 * @throws QuernError (`engine`) if one can't be used; those opened before it are closed
 */
export async function openDevices(specs: readonly DeviceSpec[], engine: Engine): Promise<readonly Device[]> {
  const devices: Device[] = [];
  try {
    for (const spec of specs) devices.push(await openDevice(spec, engine));
    return devices;
  } catch (error) {
    for (const device of devices) device.close();
    throw error;
  }
}

async function openDevice(spec: DeviceSpec, engine: Engine): Promise<Device> {
  if (spec === 'cpu') return cpuDevice;
  if ('npu' in spec) return openNpu(spec);
  if ('ep' in spec) return openProviderDevice(engine, providerRequestOf(spec));
  const { plugin: path, timeoutMs } = spec;
  return await openPluginDevice(timeoutMs === undefined ? { path } : { path, timeoutMs });
}

function openNpu({ npu, bf16 = false, legacy, requantizeScale = defaultRequantizeScale }: NpuSpec): Device {
  return simulatedNpu(npu, { bfloat16: bf16, ...(legacy === undefined ? {} : { requantizeScale }) });
}
