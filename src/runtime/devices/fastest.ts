import type { BoundRun, NamedTensors, Session } from '../../ort/engine.js';
import { bytesOf } from '../../ort/tensor-data.js';
import { cpuDevice } from './cpu.js';
import type { Device, DispatchPlan, LinearOperator, OperatorSource, PreparedOperator, Support } from './device.js';

/** Runs by which a device without a model of its times is measured. The fastest counts. */
const trials = 3;

/** The device of an operator for a number of rows, and its time, modelled where the device has a model, else measured. */
export interface FastestChoice {
  readonly device: Device;
  readonly timeUs: number;
}

/**
 * Several devices and the CPU as one, which runs each operator on the fastest of those that take it, decided once for each
 * kind of operator and number of rows: a prompt and a token may go to different devices.
 */
export class FastestDevice implements Device {
  readonly name: string;
  readonly #devices: readonly Device[];
  readonly #choices = new Map<string, FastestChoice>();

  /** In order of preference where times are equal. The caller closes them. */
  constructor(devices: readonly Device[]) {
    this.#devices = [...devices.filter(({ name }) => name !== cpuDevice.name), cpuDevice];
    this.name = `fastest(${this.#devices.map(({ name }) => name).join(', ')})`;
  }

  capabilities(): ReturnType<Device['capabilities']> {
    return { description: 'for each operator and number of rows the fastest device', flows: [] };
  }

  supports(operator: LinearOperator, source?: OperatorSource): Support {
    const answers = this.#devices
      .slice(0, -1)
      .map((device) => ({ device, support: device.supports(operator, source) }));
    if (answers.some(({ support }) => support.ok)) return { ok: true };
    const reasons = answers.flatMap(({ device, support }) => (support.ok ? [] : [`${device.name}: ${support.reason}`]));
    return { ok: false, reason: reasons.join('; ') };
  }

  plan(operator: LinearOperator, rows: number): DispatchPlan {
    return this.deviceFor(operator, rows).plan(operator, rows);
  }

  /** What was chosen, once an operator of this kind has been bound to so many rows; before that, the first that takes it. */
  deviceFor(operator: LinearOperator, rows: number): Device {
    const chosen = this.#choices.get(keyOf(operator, rows))?.device;
    return chosen ?? this.#devices.find((device) => device.supports(operator).ok)!;
  }

  prepare(source: OperatorSource): PreparedOperator {
    const { operator } = source;
    const candidates = this.#devices
      .filter((device) => device.supports(operator, source).ok)
      .map((device) => ({ device, session: device.prepare(source) }));
    return new FastestOperator(operator, candidates, (rows, choose) => {
      const key = keyOf(operator, rows);
      const choice = this.#choices.get(key) ?? choose();
      this.#choices.set(key, choice);
      return choice.device;
    });
  }

  close(): void {}
}

function keyOf({ operatorType, k, n, scheme }: LinearOperator, rows: number): string {
  return [operatorType, scheme, k, n, rows].join(' ');
}

interface Candidate {
  readonly device: Device;
  readonly session: Session;
}

/** Decides for a number of rows, with `choose` where that was not done yet. */
type Decide = (rows: number, choose: () => FastestChoice) => Device;

class FastestOperator implements Session {
  readonly inputs: Session['inputs'];
  readonly outputs: Session['outputs'];
  readonly #operator: LinearOperator;
  readonly #candidates: readonly Candidate[];
  readonly #decide: Decide;

  constructor(operator: LinearOperator, candidates: readonly Candidate[], decide: Decide) {
    const [first] = candidates;
    if (first === undefined) throw new Error('no device takes the operator, not even the CPU');
    this.inputs = first.session.inputs;
    this.outputs = first.session.outputs;
    this.#operator = operator;
    this.#candidates = candidates;
    this.#decide = decide;
  }

  run(feeds: NamedTensors, fetches?: readonly string[]): NamedTensors {
    return this.#candidates[0]!.session.run(feeds, fetches);
  }

  bind(inputs: NamedTensors, outputs: NamedTensors): BoundRun {
    const elements = Object.values(outputs).reduce((sum, { data }) => sum + data.length, 0);
    const rows = elements / this.#operator.n;
    const device = this.#decide(rows, () => this.#fastest(rows, inputs, outputs));
    return this.#candidates.find((candidate) => candidate.device === device)!.session.bind(inputs, outputs);
  }

  release(): void {
    for (const { session } of this.#candidates) session.release();
  }

  #fastest(rows: number, inputs: NamedTensors, outputs: NamedTensors): FastestChoice {
    const buffers = [...Object.values(inputs), ...Object.values(outputs)].map(({ data }) => bytesOf(data));
    const kept = buffers.map((bytes) => bytes.slice());
    // What is in buffers before they are used may be no numbers, which devices take for a fault.
    for (const bytes of buffers) bytes.fill(0);
    const choices = this.#candidates.map(({ device, session }) => {
      const modelled = device.plan(this.#operator, rows).modelled?.time.totalUs;
      return { device, timeUs: modelled ?? measuredUs(session, inputs, outputs) };
    });
    for (const [index, bytes] of buffers.entries()) bytes.set(kept[index]!);
    return choices.reduce((best, choice) => (choice.timeUs < best.timeUs ? choice : best));
  }
}

function measuredUs(session: Session, inputs: NamedTensors, outputs: NamedTensors): number {
  const bound = session.bind(inputs, outputs);
  try {
    const times = Array.from({ length: trials + 1 }, () => {
      const start = performance.now();
      bound.run();
      return performance.now() - start;
    });
    return 1000 * Math.min(...times.slice(1));
  } finally {
    bound.release();
  }
}
