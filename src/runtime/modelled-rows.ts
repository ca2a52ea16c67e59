import type { EagerModel } from './eager-model.js';
import { modelPass } from './npu-ledger.js';
import type { Placement } from './placement.js';

/** Modelled work of the NPU while a decoding step or a prompt is read. A type and not an interface, so that it is JSON. */
export type ModelledRow = {
  /** 1 is a decoding step, more a prompt, which may be read in several passes. */
  readonly tokens: number;
  readonly dispatches: number;
  /** To the nanosecond. The work of the CPU is not in it. */
  readonly timeMs: number;
};

/** Whether an operator is on a device whose times are modelled. */
export function isModelled({ offloaded }: Placement): boolean {
  return [...offloaded.values()].some(({ device, operator }) => device.plan(operator, 1).modelled !== undefined);
}

/** What is modelled of the passes that read each number of tokens. */
export function modelledRows(
  model: Pick<EagerModel, 'placement' | 'passSizes'>,
  tokens: readonly number[],
): readonly ModelledRow[] {
  return tokens.map((count) => modelledRow(model, count));
}

export function modelledRow(model: Pick<EagerModel, 'placement' | 'passSizes'>, tokens: number): ModelledRow {
  const passes = model.passSizes(tokens).map((size) => modelPass(model.placement, size));
  const timeUs = passes.reduce((sum, pass) => sum + pass.timeUs, 0);
  const dispatches = passes.reduce((sum, pass) => sum + pass.dispatches, 0);
  return { tokens, dispatches, timeMs: Math.round(timeUs * 1000) / 1e6 };
}
