import { isJsonObject, type Json } from '../json.js';
import { didYouMean } from '../nearest.js';
import { parseSizeBytes } from '../quantities.js';
import type { Pointer } from './document.js';
import { shown } from './expectation.js';
import type { ParameterProblem } from './parameters.js';

/** What a stage may take while it runs, and when it should. Never part of the key. */
export interface StageResources {
  /** Memory it is given; it is stopped when it takes more. */
  readonly memoryBytes?: number;
  readonly cores?: number;
  /** Names of things that one stage at a time may use. */
  readonly mutexes: readonly string[];
  /** Of stages that are ready the one with the highest priority starts first. */
  readonly priority: number;
}

export const noResources: StageResources = { mutexes: [], priority: 0 };

const names: readonly string[] = ['memory', 'cores', 'mutex', 'priority'];

/** Schema of `resources` of a stage, for editors. */
export const resourcesSchema = {
  type: 'object',
  description: 'What the stage may take while it runs; not part of the key',
  additionalProperties: false,
  properties: {
    memory: { type: 'string', description: 'Memory it is stopped at, for example 8GiB' },
    cores: { type: 'integer', minimum: 1 },
    mutex: {
      anyOf: [{ type: 'string' }, { type: 'array', items: { type: 'string' } }],
      description: 'Names of things that one stage at a time may use',
    },
    priority: { type: 'number', description: 'Of stages that are ready the highest starts first; 0 when left out' },
  },
} as const;

/** Reads `resources: { memory: 8GiB, cores: 2, mutex: [gpu], priority: 1 }`. Pointers in the problems start at the stage. */
export function readResources(value: Json | undefined): {
  readonly resources: StageResources;
  readonly problems: readonly ParameterProblem[];
} {
  const problems: ParameterProblem[] = [];
  const wrong = (pointer: Pointer, message: string): void => {
    problems.push({ pointer, part: 'value', message });
  };
  if (value === undefined) return { resources: noResources, problems };
  if (!isJsonObject(value)) {
    wrong(['resources'], `\`resources\` must be a mapping, got ${shown(value)}`);
    return { resources: noResources, problems };
  }
  for (const name of Object.keys(value).filter((key) => !names.includes(key))) {
    const suggestion = didYouMean(name, names) ?? `known are ${names.join(', ')}`;
    problems.push({ pointer: ['resources', name], part: 'key', message: `unknown resource \`${name}\``, suggestion });
  }
  const { memory, cores, mutex = [], priority = 0 } = value;
  const memoryBytes = typeof memory === 'string' ? parseSizeBytes(memory) : undefined;
  if (memory !== undefined && !memoryBytes) {
    wrong(['resources', 'memory'], `\`memory\` must be a size such as 8GiB, got ${shown(memory)}`);
  }
  const isCount = typeof cores === 'number' && Number.isSafeInteger(cores) && cores > 0;
  if (cores !== undefined && !isCount) {
    wrong(['resources', 'cores'], `\`cores\` must be a whole number of at least 1, got ${shown(cores)}`);
  }
  const mutexes = [mutex].flat().filter((name) => typeof name === 'string');
  if (mutexes.length !== [mutex].flat().length) {
    wrong(['resources', 'mutex'], `\`mutex\` must be a name or a list of names, got ${shown(mutex)}`);
  }
  if (typeof priority !== 'number') {
    wrong(['resources', 'priority'], `\`priority\` must be a number, got ${shown(priority)}`);
  }
  const resources = {
    ...(memoryBytes === undefined ? {} : { memoryBytes }),
    ...(isCount ? { cores } : {}),
    mutexes,
    priority: typeof priority === 'number' ? priority : 0,
  };
  return { resources, problems };
}
