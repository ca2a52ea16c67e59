import type { Node } from '../onnx/node.js';
import { cpuDevice } from './devices/cpu.js';
import type { Device, LinearOperator } from './devices/device.js';
import { moduleNameOf, operatorTypeOf, roleOf } from './operators.js';

/** Where an operator runs, for reports. A type and not an interface, so that it is JSON. */
export type PlacementRow = {
  /** Module path, or the name of the node. */
  readonly operator: string;
  readonly type: string;
  readonly device: string;
  /** Why it is this device and none that was preferred. */
  readonly reason: string;
  /** Of the weights, for linear operators. */
  readonly shape?: { readonly k: number; readonly n: number };
  /** Multiplications and additions with weights for one token. */
  readonly macsPerToken: number;
};

/** A linear operator on a device that is not the CPU. */
export interface OffloadedOperator {
  readonly device: Device;
  readonly operator: LinearOperator;
}

export interface Placement {
  /** One row for each operator, in the order of the graph. */
  readonly rows: readonly PlacementRow[];
  readonly offloaded: ReadonlyMap<Node, OffloadedOperator>;
  /**
   * Share of the multiplications with weights that are done on another device than the CPU, per token. Attention multiplies
   * activations with each other, as often as there are tokens before, and is not counted.
   */
  readonly npuCoverage: number;
}

/**
 * Chooses a device for each operator: for a linear one the first of `devices`, in order of preference, that supports it, for
 * all others the CPU.
 */
export function placeOperators(nodes: readonly Node[], devices: readonly Device[]): Placement {
  const offloaded = new Map<Node, OffloadedOperator>();
  const rows = nodes.map((node) => {
    const { row, target } = placeOperator(node, devices);
    if (target !== undefined) offloaded.set(node, target);
    return row;
  });
  const macs = sumMacs(rows);
  const offloadedMacs = sumMacs(rows.filter(({ device }) => device !== cpuDevice.name));
  return { rows, offloaded, npuCoverage: macs === 0 ? 0 : offloadedMacs / macs };
}

interface PlacedOperator {
  readonly row: PlacementRow;
  readonly target: OffloadedOperator | undefined;
}

function placeOperator(node: Node, devices: readonly Device[]): PlacedOperator {
  const names = { operator: moduleNameOf(node), type: operatorTypeOf(node) };
  const role = roleOf(node);
  if (!role.isLinear) {
    return { row: { ...names, device: cpuDevice.name, reason: role.reason, macsPerToken: 0 }, target: undefined };
  }
  const { operator } = role;
  const { device, reason } = chooseDevice(operator, devices);
  const { k, n } = operator;
  return {
    row: { ...names, device: device.name, reason, shape: { k, n }, macsPerToken: k * n },
    target: device.name === cpuDevice.name ? undefined : { device, operator },
  };
}

function chooseDevice(operator: LinearOperator, devices: readonly Device[]): { device: Device; reason: string } {
  const refusals: string[] = [];
  for (const device of devices) {
    const support = device.supports(operator);
    if (!support.ok) refusals.push(`${device.name}: ${support.reason}`);
    else if (refusals.length > 0) return { device, reason: refusals.join('; ') };
    else if (device.name === cpuDevice.name) return { device, reason: 'cpu is preferred' };
    else return { device, reason: `${device.name} takes ${operator.scheme}` };
  }
  return { device: cpuDevice, reason: refusals.join('; ') };
}

function sumMacs(rows: readonly PlacementRow[]): number {
  return rows.reduce((sum, { macsPerToken }) => sum + macsPerToken, 0);
}
