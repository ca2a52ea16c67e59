import { formatPercent } from '../../format.js';
import type { JsonObject } from '../../json.js';

/** The metrics of a table of operators with the errors of their weights and outputs. */
export function largestErrors(nodes: readonly JsonObject[]): JsonObject {
  return { largestWeightError: Math.max(0, ...numbersOf(nodes, 'relativeError')), ...largestOutputError(nodes) };
}

/** The metric of a table with errors of outputs, if any was measured. */
export function largestOutputError(nodes: readonly JsonObject[]): JsonObject {
  const errors = numbersOf(nodes, 'outputError');
  return errors.length === 0 ? {} : { largestOutputError: Math.max(...errors) };
}

/** The end of a headline: what outputs lose, if it was measured. */
export function outputErrorText({ largestOutputError }: JsonObject): string {
  return largestOutputError === undefined ? '' : `, output errors up to ${formatPercent(largestOutputError)}`;
}

function numbersOf(nodes: readonly JsonObject[], name: string): number[] {
  return nodes.flatMap((node) => (typeof node[name] === 'number' ? node[name] : []));
}
