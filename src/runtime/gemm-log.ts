import type { Graph } from '../onnx/ir.js';
import type { NamedTensors } from '../ort/engine.js';
import type { GemmShape } from './devices/device.js';
import type { UnitRun } from './observed-engine.js';
import { roleOf } from './operators.js';

/** One product with weights that ran as a unit of its own. Times are on the clock of `performance.now()`. */
export interface GemmCall extends GemmShape {
  readonly startMs: number;
  readonly endMs: number;
}

/** Keeps the products with weights that ran, as far as they are not inside an island. */
export class GemmLog {
  readonly #graph: Graph;
  readonly #shapes = new WeakMap<NamedTensors, GemmShape | 'other'>();
  #calls: GemmCall[] = [];

  constructor(graph: Graph) {
    this.#graph = graph;
  }

  readonly observe = (run: UnitRun): void => {
    const { outputs, startMs, durationMs } = run;
    const shape = this.#shapes.get(outputs) ?? gemmShape(this.#graph, run) ?? 'other';
    this.#shapes.set(outputs, shape);
    if (shape !== 'other') this.#calls.push({ ...shape, startMs, endMs: startMs + durationMs });
  };

  /** The products since the last call. */
  take(): readonly GemmCall[] {
    const calls = this.#calls;
    this.#calls = [];
    return calls;
  }
}

/**
 * The product that a unit computes; products of the same activations count as one, with all their columns. An island that
 * ends with a product reads something else than the product does.
 */
function gemmShape(graph: Graph, { inputs, outputs }: UnitRun): GemmShape | undefined {
  const read = new Set<string>();
  let [m, k, n] = [0, 0, 0];
  for (const [name, { data }] of Object.entries(outputs)) {
    const node = graph.value(name)?.producer;
    const role = node === undefined ? undefined : roleOf(node);
    if (node === undefined || role === undefined || !role.isLinear) return undefined;
    for (const input of node.inputs) if (input !== undefined) read.add(input.name);
    m = data.length / role.operator.n;
    k = role.operator.k;
    n += role.operator.n;
  }
  const isProduct = n > 0 && Object.keys(inputs).every((name) => read.has(name));
  return isProduct ? { m, k, n } : undefined;
}
