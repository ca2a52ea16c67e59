import { QuernError } from '../errors.js';
import type { Node } from '../onnx/node.js';
import { moduleNameOf } from './operators.js';

/** Something that a device did not do as it should, and that the CPU did instead. A type and not an interface, so that it is JSON. */
export type DeviceFault = {
  readonly operator: string;
  readonly device: string;
  /** Whether the device failed when it was asked if it takes the operator, at its weights, or at a dispatch. */
  readonly during: 'ask' | 'prepare' | 'run';
  readonly message: string;
};

/** The faults of the devices of a model. An operator has at most one: after it the CPU runs it. */
export class FaultLog {
  readonly #strict: boolean;
  readonly #onFault: (fault: DeviceFault) => void;
  readonly #faults = new Map<Node, DeviceFault>();

  /** `strict`: a fault is an error instead of a reason to use the CPU. */
  constructor(strict: boolean, onFault: (fault: DeviceFault) => void) {
    this.#strict = strict;
    this.#onFault = onFault;
  }

  get faults(): readonly DeviceFault[] {
    return [...this.#faults.values()];
  }

  /** By operator that was on a device, why the CPU runs it. */
  get reasons(): ReadonlyMap<Node, string> {
    const moved = [...this.#faults].filter(([, { during }]) => during !== 'ask');
    return new Map(moved.map(([node, { device, message }]) => [node, `${device} failed: ${message}`]));
  }

  /** @throws QuernError (`engine`) if the log is strict */
  record(node: Node, device: string, during: DeviceFault['during'], { message }: QuernError): void {
    const fault = { operator: moduleNameOf(node), device, during, message };
    if (this.#strict) {
      throw new QuernError('engine', `${device} failed at ${fault.operator}: ${message}`, {
        suggestion: 'without `strict: true` the CPU goes on where a device fails',
      });
    }
    this.#faults.set(node, fault);
    this.#onFault(fault);
  }
}
