import type { Placement } from './placement.js';

/** Modelled work of the NPU in one pass through a model. */
export interface ModelledPass {
  readonly timeUs: number;
  readonly dispatches: number;
}

/** What the offloaded operators of a model would take for one pass over `rows` tokens, one after the other. */
export function modelPass({ offloaded }: Placement, rows: number): ModelledPass {
  let timeUs = 0;
  let dispatches = 0;
  for (const { device, operator } of offloaded.values()) {
    const plan = device.plan(operator, rows);
    timeUs += plan.modelled?.time.totalUs ?? 0;
    dispatches += plan.dispatches;
  }
  return { timeUs, dispatches };
}

/** Adds up modelled work, apart from every measured time. */
export class NpuLedger {
  #passes = 0;
  #timeUs = 0;
  #dispatches = 0;

  add({ timeUs, dispatches }: ModelledPass): void {
    this.#passes++;
    this.#timeUs += timeUs;
    this.#dispatches += dispatches;
  }

  get passes(): number {
    return this.#passes;
  }

  get timeUs(): number {
    return this.#timeUs;
  }

  get dispatches(): number {
    return this.#dispatches;
  }
}
