import { logitError } from '../models/logit-error.js';
import type { Graph } from '../onnx/ir.js';
import { topologicalOrder } from '../onnx/order.js';
import type { Engine } from '../ort/engine.js';
import type { Device } from './devices/device.js';
import type { EagerModel } from './eager-model.js';
import { observedParts, type UnitRun } from './observed-engine.js';
import { moduleNameOf, operatorTypeOf } from './operators.js';

/** The first operator whose result is further from the reference than the limit. A type, so that it is JSON. */
export type OperatorError = {
  readonly operator: string;
  readonly type: string;
  /** max |a - b| / max |a|, a being the result of the reference. */
  readonly error: number;
};

/** Results of operators by the names of their values, which quantization leaves as they are: float32 ones only. */
export type OperatorTrace = ReadonlyMap<string, Float32Array>;

/** Opens a model operator by operator on an engine and devices for the time that `use` takes. */
export type OpenTraced = (
  engine: Engine,
  devices: readonly Device[],
  use: (model: EagerModel) => OperatorTrace,
) => Promise<OperatorTrace>;

/** Runs a prompt through a model and keeps the results of its operators. */
export async function traceOperators(
  engine: Engine,
  devices: readonly Device[],
  graph: Graph,
  promptIds: ArrayLike<number>,
  open: OpenTraced,
): Promise<OperatorTrace> {
  const trace = new Map<string, Float32Array>();
  let isWatched = false;
  const watch = ({ outputs }: UnitRun): void => {
    if (!isWatched) return;
    for (const [name, { data }] of Object.entries(outputs)) {
      const node = graph.value(name)?.producer;
      if (node !== undefined && data instanceof Float32Array) trace.set(name, data.slice());
    }
  };
  const observed = observedParts({ engine, devices }, watch);
  return open(observed.engine, observed.devices, (model) => {
    isWatched = true;
    model.forwardAll(promptIds);
    return trace;
  });
}

/** The first operator of a graph, in the order in which it runs, whose result differs by more than `limit`. */
export function firstDifference(
  graph: Graph,
  expected: OperatorTrace,
  actual: OperatorTrace,
  limit: number,
): OperatorError | undefined {
  for (const node of topologicalOrder(graph)) {
    for (const output of node.outputs) {
      const [reference, result] = [expected.get(output?.name ?? ''), actual.get(output?.name ?? '')];
      if (reference === undefined || result?.length !== reference.length) continue;
      const error = logitError(reference, result);
      if (error > limit) return { operator: moduleNameOf(node), type: operatorTypeOf(node), error };
    }
  }
  return undefined;
}
