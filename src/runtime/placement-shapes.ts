import { cpuDevice } from './devices/cpu.js';
import type { OffloadedOperator, Placement } from './placement.js';

/** Where an offloaded operator runs in passes over a number of tokens. A type and not an interface, so that it is JSON. */
export type ShapePlacement = {
  readonly operator: string;
  readonly device: string;
  readonly shape: { readonly m: number; readonly k: number; readonly n: number };
  readonly macs: number;
  /** Of activations, weights and results as the device pads and packs them; 0 where it needs no buffers of its own. */
  readonly bytes: number;
  /** Of a simulated NPU. */
  readonly modelledUs?: number;
  /** Of the modelled time of the pass. */
  readonly modelledShare?: number;
};

/** The placement in passes over a number of tokens. */
export type PassPlacement = {
  readonly tokens: number;
  /** Share of the multiplications with weights that are done on another device than the CPU. */
  readonly npuCoverage: number;
  /** How many operators are on another device than the CPU. */
  readonly offloadedOperators: number;
  /** The operators that a device takes, wherever they run in this pass. */
  readonly operators: readonly ShapePlacement[];
};

/** The placement for passes over a number of tokens, after one such pass: policies may choose by it. */
export function placementAt(placement: Placement, tokens: number): PassPlacement {
  const offloaded = [...placement.offloaded.values()];
  const shapes = offloaded.map((operator) => shapePlacement(operator, tokens));
  const totalUs = shapes.reduce((sum, { modelledUs = 0 }) => sum + modelledUs, 0);
  const macs = placement.rows.reduce((sum, { macsPerToken }) => sum + macsPerToken, 0) * tokens;
  const away = shapes.filter(({ device }) => device !== cpuDevice.name);
  return {
    tokens,
    npuCoverage: macs === 0 ? 0 : away.reduce((sum, shape) => sum + shape.macs, 0) / macs,
    offloadedOperators: away.length,
    operators: shapes.map((shape) =>
      shape.modelledUs === undefined ? shape : { ...shape, modelledShare: shape.modelledUs / totalUs },
    ),
  };
}

function shapePlacement({ device, operator, row }: OffloadedOperator, tokens: number): ShapePlacement {
  const { k, n } = operator;
  const { buffers, modelled } = device.plan(operator, tokens);
  return {
    operator: row.operator,
    device: (device.deviceFor?.(operator, tokens) ?? device).name,
    shape: { m: tokens, k, n },
    macs: tokens * k * n,
    bytes: buffers.activationBytes + buffers.weightBytes + buffers.outputBytes,
    ...(modelled === undefined ? {} : { modelledUs: modelled.time.totalUs }),
  };
}
