import type { Json, JsonObject } from '../json.js';
import { canonicalJson } from '../json.js';
import type { Gate } from '../recipe/load.js';
import type { GateResult } from './events.js';

/** Compares the metrics of a result with the gates of its stage. A metric that is missing misses its gate. */
export function checkGates(gates: readonly Gate[], metrics: JsonObject): GateResult[] {
  return gates.map((gate) => {
    const value: Json = metrics[gate.metric] ?? null;
    return {
      name: `${gate.metric} ${gate.text}`,
      limit: gate.max ?? gate.min ?? gate.equals ?? null,
      value,
      ok: holds(gate, value),
    };
  });
}

function holds(gate: Gate, value: Json): boolean {
  if (gate.equals !== undefined) return canonicalJson(value) === canonicalJson(gate.equals);
  if (typeof value !== 'number') return false;
  return value <= (gate.max ?? Number.POSITIVE_INFINITY) && value >= (gate.min ?? Number.NEGATIVE_INFINITY);
}
