import { QuernError } from '../errors.js';
import type { Node } from '../onnx/node.js';
import { cpuDevice } from './devices/cpu.js';
import type { Device, LinearOperator, OperatorSource, Support } from './devices/device.js';
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
  /** Its row in the placement. */
  readonly row: PlacementRow;
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

export interface PlacementOptions {
  /** Gives devices that have to try an operator what they need for it. */
  readonly sourceOf?: (node: Node, operator: LinearOperator) => OperatorSource;
  /** Told of a device that fails when it is asked. */
  readonly onFault?: (node: Node, device: Device, error: QuernError) => void;
}

/**
 * Chooses a device for each operator: for a linear one the first of `devices`, in order of preference, that supports it, for
 * all others the CPU.
 */
export function placeOperators(
  nodes: readonly Node[],
  devices: readonly Device[],
  options: PlacementOptions = {},
): Placement {
  const offloaded = new Map<Node, OffloadedOperator>();
  const rows = nodes.map((node) => {
    const { row, target } = placeOperator(node, devices, options);
    if (target !== undefined) offloaded.set(node, { ...target, row });
    return row;
  });
  return { rows, offloaded, npuCoverage: coverageOf(rows) };
}

/** The placement as it is after operators had to go back to the CPU, each for the reason given. */
export function withFallbacks(placement: Placement, reasons: ReadonlyMap<Node, string>): Placement {
  if (reasons.size === 0) return placement;
  const offloaded = new Map(placement.offloaded);
  const moved = new Map<PlacementRow, string>();
  for (const [node, reason] of reasons) {
    const row = offloaded.get(node)?.row;
    if (row !== undefined) moved.set(row, reason);
    offloaded.delete(node);
  }
  const rows = placement.rows.map((row) => {
    const reason = moved.get(row);
    return reason === undefined ? row : { ...row, device: cpuDevice.name, reason };
  });
  return { rows, offloaded, npuCoverage: coverageOf(rows) };
}

function coverageOf(rows: readonly PlacementRow[]): number {
  const macs = sumMacs(rows);
  const offloadedMacs = sumMacs(rows.filter(({ device }) => device !== cpuDevice.name));
  return macs === 0 ? 0 : offloadedMacs / macs;
}

interface PlacedOperator {
  readonly row: PlacementRow;
  readonly target: Omit<OffloadedOperator, 'row'> | undefined;
}

function placeOperator(node: Node, devices: readonly Device[], options: PlacementOptions): PlacedOperator {
  const names = { operator: moduleNameOf(node), type: operatorTypeOf(node) };
  const role = roleOf(node);
  if (!role.isLinear) {
    return { row: { ...names, device: cpuDevice.name, reason: role.reason, macsPerToken: 0 }, target: undefined };
  }
  const { operator } = role;
  const { device, reason } = chooseDevice(node, operator, devices, options);
  const { k, n } = operator;
  return {
    row: { ...names, device: device.name, reason, shape: { k, n }, macsPerToken: k * n },
    target: device.name === cpuDevice.name ? undefined : { device, operator },
  };
}

function chooseDevice(
  node: Node,
  operator: LinearOperator,
  devices: readonly Device[],
  { sourceOf, onFault }: PlacementOptions,
): { readonly device: Device; readonly reason: string } {
  const source = sourceOf?.(node, operator);
  const refusals: string[] = [];
  for (const device of devices) {
    const support = ask(device, operator, source, (error) => onFault?.(node, device, error));
    if (!support.ok) refusals.push(`${device.name}: ${support.reason}`);
    else if (refusals.length > 0) return { device, reason: refusals.join('; ') };
    else if (device.name === cpuDevice.name) return { device, reason: 'cpu is preferred' };
    else if (support.note === undefined) return { device, reason: `${device.name} takes ${operator.scheme}` };
    else return { device, reason: `${device.name} takes ${operator.scheme}: ${support.note}` };
  }
  return { device: cpuDevice, reason: refusals.join('; ') };
}

/** A device that fails when it is asked takes nothing. */
function ask(
  device: Device,
  operator: LinearOperator,
  source: OperatorSource | undefined,
  onFault: (error: QuernError) => void,
): Support {
  try {
    return device.supports(operator, source);
  } catch (error) {
    if (!(error instanceof QuernError)) throw error;
    onFault(error);
    return { ok: false, reason: `asked whether it takes the operator, it failed: ${error.message}` };
  }
}

function sumMacs(rows: readonly PlacementRow[]): number {
  return rows.reduce((sum, { macsPerToken }) => sum + macsPerToken, 0);
}
