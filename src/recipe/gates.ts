import { isJsonObject, type Json, type JsonObject } from '../json.js';
import { didYouMean } from '../nearest.js';
import type { Pointer } from './document.js';
import { shown } from './expectation.js';
import type { ParameterProblem } from './parameters.js';

/** A condition on one metric of a stage. Each gate has exactly one of `min`, `max` and `equals`. */
export interface Gate {
  readonly metric: string;
  /** The least value allowed. Percentages of the recipe are fractions here. */
  readonly min?: number;
  /** The greatest value allowed. */
  readonly max?: number;
  readonly equals?: Json;
  /** As the recipe has it: "max 3%". */
  readonly text: string;
}

const limitNames: readonly string[] = ['min', 'max', 'equals'];

/** Reads `gates: { metric: { max: 3% } }`. Pointers in the problems start at the stage. */
export function readGates(value: Json | undefined): {
  readonly gates: readonly Gate[];
  readonly problems: readonly ParameterProblem[];
} {
  const gates: Gate[] = [];
  const problems: ParameterProblem[] = [];
  const wrong = (pointer: Pointer, message: string, suggestion?: string): void => {
    problems.push({ pointer, part: 'value', message, suggestion });
  };
  if (value === undefined) return { gates, problems };
  if (!isJsonObject(value)) {
    wrong(
      ['gates'],
      `\`gates\` must be a mapping from metrics to limits, got ${shown(value)}`,
      'for example { perplexity: { max: 20 } }',
    );
    return { gates, problems };
  }
  for (const [metric, limits] of Object.entries(value)) {
    const pointer = ['gates', metric];
    if (!isJsonObject(limits) || Object.keys(limits).length === 0) {
      wrong(
        pointer,
        `the gate of \`${metric}\` must be a mapping with \`min\`, \`max\` or \`equals\`, got ${shown(limits)}`,
      );
      continue;
    }
    const before = problems.length;
    const read = readLimits(metric, limits, problems);
    if (problems.length > before) continue;
    gates.push(...read);
    const [min, max] = [
      read.find((gate) => gate.min !== undefined)?.min,
      read.find((gate) => gate.max !== undefined)?.max,
    ];
    if (min !== undefined && max !== undefined && min > max) {
      wrong(pointer, `no value passes the gate of \`${metric}\`: its \`min\` is greater than its \`max\``);
    }
  }
  return { gates, problems };
}

function readLimits(metric: string, limits: JsonObject, problems: ParameterProblem[]): readonly Gate[] {
  return Object.entries(limits).flatMap(([name, limit]): readonly Gate[] => {
    const pointer = ['gates', metric, name];
    const given = limit ?? null;
    if (!limitNames.includes(name)) {
      const suggestion = didYouMean(name, limitNames) ?? 'a gate has `min`, `max` or `equals`';
      problems.push({ pointer, part: 'key', message: `unknown key \`${name}\` in a gate`, suggestion });
      return [];
    }
    if (name === 'equals') return [{ metric, equals: given, text: `equals ${JSON.stringify(given)}` }];
    const number = readLimit(given);
    if (number === undefined) {
      const message = `\`${name}\` must be a number or a percentage such as 3%, got ${shown(given)}`;
      problems.push({ pointer, part: 'value', message });
      return [];
    }
    const text = `${name} ${String(given)}`;
    return [name === 'min' ? { metric, min: number, text } : { metric, max: number, text }];
  });
}

/** A number, or a percentage as a fraction: "3%" is 0.03. */
function readLimit(value: Json): number | undefined {
  if (typeof value === 'number') return value;
  const percentage = typeof value === 'string' ? /^([-+]?\d+(?:\.\d+)?)\s*%$/.exec(value)?.[1] : undefined;
  return percentage === undefined ? undefined : Number(percentage) / 100;
}
