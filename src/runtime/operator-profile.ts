import type { Graph } from '../onnx/ir.js';
import type { Node } from '../onnx/node.js';
import type { NamedTensors } from '../ort/engine.js';
import { benchmarkPrompt } from './benchmark.js';
import type { Decoder } from './decoder.js';
import { cpuDevice } from './devices/cpu.js';
import type { GemmShape } from './devices/device.js';
import type { UnitRun } from './observed-engine.js';
import { moduleNameOf, operatorTypeOf, roleOf } from './operators.js';
import type { OffloadedOperator, Placement } from './placement.js';

/** An operator in passes over a number of tokens. A type and not an interface, so that it is JSON. */
export type ProfileRow = {
  /** Tokens of the pass: 1 is a decoding step, more a prompt. */
  readonly tokens: number;
  /** Module path, or the name of the node; several where they run as one. */
  readonly operator: string;
  readonly type: string;
  readonly device: string;
  /** Why it is this device. */
  readonly reason: string;
  /** Of a product with weights. */
  readonly shape?: GemmShape;
  /** Measured, the mean of the passes. */
  readonly timeMs: number;
  /** Of the time of all operators in the pass. */
  readonly share: number;
  /** Multiplications and additions with weights. */
  readonly macs: number;
  /** Weights, activations read and results written. Caches, which change in place, are not counted. */
  readonly bytes: number;
  /** What a simulated NPU would take. */
  readonly modelledMs?: number;
};

export interface ProfileOptions {
  readonly promptLengths: readonly number[];
  readonly vocabularySize: number;
  readonly warmup: number;
  readonly repeats: number;
  readonly onPass: () => void;
}

/** Passes of `profileOperators`. */
export function profilePasses({ promptLengths, warmup, repeats }: Omit<ProfileOptions, 'onPass'>): number {
  return (promptLengths.length + 1) * (warmup + repeats);
}

/** All runs of a unit that count. */
interface UnitTotal {
  readonly last: UnitRun;
  readonly runs: number;
  readonly timeMs: number;
  /** Elements written. */
  readonly elements: number;
}

/** Adds up the runs of the units of a model, which are known by what they write. */
export class UnitClock {
  readonly #totals = new Map<string, UnitTotal>();

  readonly observe = (last: UnitRun): void => {
    const key = Object.keys(last.outputs).join(' ');
    const { runs = 0, timeMs = 0, elements = 0 } = this.#totals.get(key) ?? {};
    const written = Object.values(last.outputs).reduce((sum, { data }) => sum + data.length, 0);
    this.#totals.set(key, {
      last,
      runs: runs + 1,
      timeMs: timeMs + last.durationMs,
      elements: elements + written,
    });
  };

  clear(): void {
    this.#totals.clear();
  }

  get totals(): readonly UnitTotal[] {
    return [...this.#totals.values()];
  }
}

/**
 * Times every operator of a model whose units are single operators that `clock` observes: in passes over prompts, and in
 * decoding steps behind the first of them.
 */
export function profileOperators(
  decoder: Decoder & { readonly placement: Placement },
  graph: Graph,
  clock: UnitClock,
  { promptLengths, vocabularySize, warmup, repeats, onPass }: ProfileOptions,
): readonly ProfileRow[] {
  const timed = (tokens: number, ids: Int32Array, past: number): readonly ProfileRow[] => {
    for (let pass = 0; pass < warmup + repeats; pass++) {
      decoder.truncate(past);
      if (pass === warmup) clock.clear();
      decoder.forward(ids);
      onPass();
    }
    return rowsOf(tokens, repeats, graph, clock.totals, decoder.placement);
  };
  const rows = promptLengths.flatMap((length) => {
    decoder.reset();
    const ids = benchmarkPrompt(length, vocabularySize);
    decoder.prepare(length);
    return timed(length, ids, 0);
  });
  const [first = 1] = promptLengths;
  decoder.reset();
  decoder.prepare(1);
  decoder.forward(benchmarkPrompt(first, vocabularySize));
  return [...rows, ...timed(1, benchmarkPrompt(1, vocabularySize), first)];
}

/** Means of `passes` passes. A prompt that is read in parts has several runs of a unit in each. */
function rowsOf(
  tokens: number,
  passes: number,
  graph: Graph,
  totals: readonly UnitTotal[],
  placement: Placement,
): readonly ProfileRow[] {
  const wholeMs = totals.reduce((sum, { timeMs }) => sum + timeMs, 0);
  return totals.map((total) => {
    const nodes = producersOf(graph, total.last.outputs);
    const timeMs = total.timeMs / passes;
    const share = wholeMs === 0 ? 0 : total.timeMs / wholeMs;
    const bytes = Math.round((bytesMoved(nodes, total.last) * total.runs) / passes);
    return { tokens, ...describe(nodes, total.elements / passes, placement), timeMs, share, bytes };
  });
}

function producersOf(graph: Graph, outputs: NamedTensors): readonly Node[] {
  const nodes = Object.keys(outputs).flatMap((name) => graph.value(name)?.producer ?? []);
  return [...new Set(nodes)];
}

function describe(
  nodes: readonly Node[],
  elements: number,
  placement: Placement,
): Omit<ProfileRow, 'tokens' | 'timeMs' | 'share' | 'bytes'> {
  const offloaded = nodes.flatMap((node) => placement.offloaded.get(node) ?? []);
  const linear = nodes.flatMap((node) => {
    const role = roleOf(node);
    return role.isLinear ? [role.operator] : [];
  });
  const [first] = linear;
  const n = linear.reduce((sum, operator) => sum + operator.n, 0);
  const shape = first === undefined ? undefined : { m: elements / n, k: first.k, n };
  const modelled = offloaded.flatMap(({ device, operator }) => {
    const plan = device.plan(operator, shape?.m ?? 1).modelled;
    return plan === undefined ? [] : [plan.time.totalUs];
  });
  return {
    operator: nodes.map(moduleNameOf).join(', '),
    type: [...new Set(nodes.map(operatorTypeOf))].join(', '),
    device: deviceName(offloaded[0], shape?.m ?? 1),
    reason: [...new Set(nodes.map((node) => reasonOf(node, placement)))].join('; '),
    ...(shape === undefined ? {} : { shape }),
    macs: shape === undefined ? 0 : shape.m * shape.k * shape.n,
    ...(modelled.length === 0 ? {} : { modelledMs: modelled.reduce((sum, timeUs) => sum + timeUs, 0) / 1000 }),
  };
}

function reasonOf(node: Node, { rows }: Placement): string {
  const [operator, type] = [moduleNameOf(node), operatorTypeOf(node)];
  return rows.find((row) => row.operator === operator && row.type === type)?.reason ?? '';
}

function deviceName(offloaded: OffloadedOperator | undefined, rows: number): string {
  if (offloaded === undefined) return cpuDevice.name;
  const { device, operator } = offloaded;
  return (device.deviceFor?.(operator, rows) ?? device).name;
}

function bytesMoved(nodes: readonly Node[], { inputs, outputs }: UnitRun): number {
  const [read, written] = [new Set(Object.values(inputs)), new Set(Object.values(outputs))];
  const activations = [...read, ...written].filter((tensor) => !(read.has(tensor) && written.has(tensor)));
  const weights = nodes.flatMap((node) => node.inputs.flatMap((input) => input?.initializer?.byteLength ?? []));
  return [...activations.map(({ data }) => data.byteLength), ...weights].reduce((sum, bytes) => sum + bytes, 0);
}
