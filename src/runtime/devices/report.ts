import { QuernError } from '../../errors.js';
import { builtInProviders } from '../../ort/execution-provider.js';
import type { GemmShape, ModelledTime, Tile } from './device.js';
import { type DeviceName, deviceNames, parseDeviceName, parseShape } from './names.js';
import { providerNamed, providerReports } from './provider/provider-reports.js';
import { deviceNamed } from './registry.js';
import { operatorOfScheme } from './schemes.js';

/** One weight shape of a flow and the numbers of rows its kernels take. */
export interface ShapeReport {
  readonly flow: string;
  readonly m: readonly number[];
  readonly k: number;
  readonly n: number;
}

/** One entry of `quern devices --json`. `flows` and `shapes` are empty for a device without shape tables. */
export interface DeviceReport {
  readonly name: string;
  readonly description: string;
  /** Whether it can be used on this machine. */
  readonly usable: boolean;
  /** Why it can't be used. */
  readonly reason?: string;
  readonly flows: readonly string[];
  readonly shapes: readonly ShapeReport[];
}

/** `quern devices DEVICE --plan MxKxN --scheme S --json`: how a device cuts one operator into dispatches. */
export interface PlanReport {
  readonly device: string;
  readonly shape: GemmShape;
  readonly scheme: string;
  readonly tiles: readonly Tile[];
  readonly dispatches: number;
  readonly paddedShape: GemmShape;
  /** Null for a device whose time is measured. */
  readonly modelledUs: number | null;
  /** `modelledUs` by what it is spent on. */
  readonly parts: Omit<ModelledTime, 'totalUs'> | null;
}

/**
 * All devices, or the named one. Execution providers are tried, so this takes some seconds where there is one.
 * @throws QuernError (`usage`) for an unknown name
 */
export async function deviceList(name?: string): Promise<readonly DeviceReport[]> {
  const provider = providerNamed(name);
  if (provider !== undefined) return await providerReports([provider]);
  if (name !== undefined) return ownDevices([parseDeviceName(name)]);
  return [...ownDevices(deviceNames), ...(await providerReports(builtInProviders))];
}

function ownDevices(names: readonly DeviceName[]): readonly DeviceReport[] {
  return names.map((deviceName) => {
    const { description, flows } = deviceNamed(deviceName).capabilities();
    return {
      name: deviceName,
      description,
      usable: true,
      flows: flows.map(({ flow }) => flow),
      shapes: flows.flatMap(({ flow, rows, weights }) => weights.map(({ k, n }) => ({ flow, m: rows, k, n }))),
    };
  });
}

/**
 * The plan for one operator of a shape (`8x11008x4096`), quantized with a scheme (`w3-g128`).
 * @throws QuernError (`usage`) for an unknown device, shape or scheme, and if the device does not run the scheme
 */
export function planReport(deviceText: string, shapeText: string, scheme: string): PlanReport {
  if (providerNamed(deviceText) !== undefined) {
    throw new QuernError('usage', `${deviceText} has no plan: it takes operators whole, and is timed by running it`);
  }
  const device = deviceNamed(parseDeviceName(deviceText));
  const shape = parseShape(shapeText);
  const operator = operatorOfScheme(scheme, shape);
  const support = device.supports(operator);
  if (!support.ok) {
    throw new QuernError('usage', `${device.name} does not run ${shapeText} with ${scheme}: ${support.reason}`);
  }
  const { tiles, dispatches, paddedShape, modelled } = device.plan(operator, shape.m);
  return {
    device: device.name,
    shape,
    scheme,
    tiles,
    dispatches,
    paddedShape,
    modelledUs: modelled === undefined ? null : roundToNanoseconds(modelled.time.totalUs),
    parts: modelled === undefined ? null : roundParts(modelled.time),
  };
}

function roundParts(time: ModelledTime): Omit<ModelledTime, 'totalUs'> {
  return {
    aCopyUs: roundToNanoseconds(time.aCopyUs),
    aSyncUs: roundToNanoseconds(time.aSyncUs),
    runUs: roundToNanoseconds(time.runUs),
    cSyncUs: roundToNanoseconds(time.cSyncUs),
    cCopyUs: roundToNanoseconds(time.cCopyUs),
    accumulateUs: roundToNanoseconds(time.accumulateUs),
  };
}

function roundToNanoseconds(timeUs: number): number {
  return Math.round(timeUs * 1000) / 1000;
}

/** The list of devices for people: what each is, and its kernels by flow. */
export function deviceListLines(list: readonly DeviceReport[]): string[] {
  const width = Math.max(...list.map(({ name }) => name.length));
  return list.flatMap(({ name, description, reason, flows, shapes }) => [
    `${name.padEnd(width)}  ${description}${reason === undefined ? '' : `; not usable here: ${reason}`}`,
    ...flows.map((flow) => {
      const own = shapes.filter((shape) => shape.flow === flow);
      return `  ${flow.padEnd(8)} rows ${own[0]?.m.join(', ')}; weights ${own.map(({ k, n }) => `${k}x${n}`).join(', ')}`;
    }),
  ]);
}

/** A plan for people. */
export function planReportLines(report: PlanReport): string[] {
  const { device, shape, scheme, tiles, dispatches, paddedShape, modelledUs, parts } = report;
  const title = `${shapeName(shape)} ${scheme} on ${device}`;
  if (modelledUs === null || parts === null)
    return [`${title}: as it is, without tiles; its time is measured, not modelled`];
  return [
    `${title}: ${dispatches} ${dispatches === 1 ? 'dispatch' : 'dispatches'}, padded to ${shapeName(paddedShape)}`,
    ...tiles.map((tile) => `  ${tile.count} x kernel ${shapeName(tile)}`),
    `  ${modelledUs.toFixed(1)} us modelled: ${partsInWords(parts)}`,
  ];
}

function partsInWords(parts: NonNullable<PlanReport['parts']>): string {
  return [
    `run ${parts.runUs.toFixed(1)}`,
    `A copy ${parts.aCopyUs.toFixed(1)}`,
    `A sync ${parts.aSyncUs.toFixed(1)}`,
    `C sync ${parts.cSyncUs.toFixed(1)}`,
    `C copy ${parts.cCopyUs.toFixed(1)}`,
    `host accumulation ${parts.accumulateUs.toFixed(1)}`,
  ].join(', ');
}

function shapeName({ m, k, n }: GemmShape): string {
  return `${m}x${k}x${n}`;
}
