import { formatPercent } from '../../format.js';
import type { JsonObject } from '../../json.js';

/** The metrics of a table of operators with their errors. That of outputs is there if any was measured. */
export function largestErrors(nodes: readonly JsonObject[]): JsonObject {
  const outputErrors = numbersOf(nodes, 'outputError');
  return {
    largestWeightError: Math.max(0, ...numbersOf(nodes, 'relativeError')),
    ...(outputErrors.length === 0 ? {} : { largestOutputError: Math.max(...outputErrors) }),
  };
}

/** The end of a headline: what outputs lose, if it was measured. */
export function outputErrorText({ largestOutputError }: JsonObject): string {
  return largestOutputError === undefined ? '' : `, output errors up to ${formatPercent(largestOutputError)}`;
}

function numbersOf(nodes: readonly JsonObject[], name: string): number[] {
  return nodes.flatMap((node) => (typeof node[name] === 'number' ? node[name] : []));
}
