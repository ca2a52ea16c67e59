import { modelPass } from './npu-ledger.js';
import type { Placement } from './placement.js';

/** Modelled work of the NPU in one pass. A type and not an interface, so that it is JSON. */
export type ModelledRow = {
  /** Tokens of the pass: 1 is a decoding step, more a prompt. */
  readonly tokens: number;
  readonly dispatches: number;
  /** To the nanosecond. The work of the CPU is not in it. */
  readonly timeMs: number;
};

/** Whether an operator is on a device whose times are modelled. */
export function isModelled({ offloaded }: Placement): boolean {
  return [...offloaded.values()].some(({ device, operator }) => device.plan(operator, 1).modelled !== undefined);
}

/** The modelled passes over each number of tokens, without repeats, the fewest first. */
export function modelledRows(placement: Placement, tokens: readonly number[]): readonly ModelledRow[] {
  return [...new Set(tokens)].sort((a, b) => a - b).map((count) => modelledRow(placement, count));
}

export function modelledRow(placement: Placement, tokens: number): ModelledRow {
  const { timeUs, dispatches } = modelPass(placement, tokens);
  return { tokens, dispatches, timeMs: Math.round(timeUs * 1000) / 1e6 };
}
