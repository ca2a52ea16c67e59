import { QuernError } from '../../errors.js';
import { didYouMean } from '../../nearest.js';
import type { GemmShape } from './device.js';

/** NPUs that can be simulated, by the names of AMD's drivers: Phoenix, Hawk Point, Strix. */
export const npuNames = ['phx', 'hpt', 'stx'] as const;
export type NpuName = (typeof npuNames)[number];

export type DeviceName = 'cpu' | `npu:${NpuName}`;

/** The devices that need nothing but quern itself. */
export const deviceNames: readonly DeviceName[] = ['cpu', ...npuNames.map((npu) => `npu:${npu}` as const)];

/** Larger dimensions are mistakes: no model has them, and byte counts have to stay exact. */
const largestDimension = 2 ** 24;

/**
 * A device as it is written on the command line: `cpu`, `npu:phx`, `npu:hpt`, `npu:stx`.
 * @throws QuernError (`usage`) for other names
 */
export function parseDeviceName(text: string): DeviceName {
  const name = deviceNames.find((candidate) => candidate === text);
  if (name !== undefined) return name;
  throw new QuernError('usage', `unknown device ${JSON.stringify(text)}`, {
    suggestion: didYouMean(text, deviceNames) ?? `devices are ${deviceNames.join(', ')}`,
  });
}

/**
 * A shape written as rows x depth x columns: `8x11008x4096`.
 * @throws QuernError (`usage`) for anything else
 */
export function parseShape(text: string): GemmShape {
  const [, m, k, n] = /^(\d+)x(\d+)x(\d+)$/.exec(text) ?? [];
  if (m === undefined || k === undefined || n === undefined) {
    throw new QuernError('usage', `${JSON.stringify(text)} is not a shape`, {
      suggestion: 'write rows x depth x columns, for example 8x11008x4096',
    });
  }
  const shape = { m: Number(m), k: Number(k), n: Number(n) };
  for (const [name, value] of Object.entries(shape)) {
    if (value < 1 || value > largestDimension) {
      throw new QuernError('usage', `shape ${text}: ${name} has to be from 1 to ${largestDimension}`);
    }
  }
  return shape;
}
