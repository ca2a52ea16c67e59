import { QuernError } from '../errors.js';
import { parseSizeBytes } from '../quantities.js';

export const progressModes = ['auto', 'tty', 'plain', 'json', 'none'] as const;
export type ProgressMode = (typeof progressModes)[number];

export const graphFormats = ['mermaid', 'dot', 'svg', 'json'] as const;
export type GraphFormat = (typeof graphFormats)[number];

/** How CPU operators are dispatched: each on its own, or neighbours together. */
export const granularities = ['op', 'island'] as const;
export type Granularity = (typeof granularities)[number];

/** How operators are placed on devices. */
export const placementPolicies = ['all-supported', 'fastest'] as const;
export type PlacementPolicy = (typeof placementPolicies)[number];

export const shells = ['bash', 'zsh', 'fish'] as const;
export type Shell = (typeof shells)[number];

/** Options that every verb on a recipe takes, as commander hands them over. */
export interface CommonOptions {
  readonly json?: boolean;
  readonly cache?: string;
  readonly set: ReadonlyMap<string, string>;
  readonly verbose?: boolean;
  /** Content is read and compared with its digest before it is used. */
  readonly verify?: boolean;
  readonly offline?: boolean;
}

/** Options of `plan`. */
export interface PlanCommandOptions extends CommonOptions {
  readonly memory?: number;
}

/** Options of `build`. */
export interface BuildCommandOptions extends CommonOptions {
  readonly jobs?: number;
  /** Bytes that the actions running at once may use. */
  readonly memory?: number;
  readonly keepGoing?: boolean;
  readonly dryRun?: boolean;
  readonly force?: readonly string[] | true;
  readonly frozen?: boolean;
  /** File that gets the result as JUnit XML. */
  readonly junit?: string;
  readonly progress: ProgressMode;
}

/** Options of `graph`. */
export interface GraphCommandOptions extends CommonOptions {
  readonly format: GraphFormat;
}

/** Options of `history`. */
export interface HistoryCommandOptions extends CommonOptions {
  /** How many runs are shown at the most. */
  readonly limit: number;
}

/** Options of `init`. */
export interface InitCommandOptions extends CommonOptions {
  /** The recipe file that is written. */
  readonly output: string;
}

/** Options of the verbs that run a model. */
export interface RunModelOptions extends CommonOptions {
  /** In order of preference, separated by commas. */
  readonly devices: string;
  readonly granularity: Granularity;
  readonly placement: PlacementPolicy;
  /** By default all that the machine has. */
  readonly threads?: number;
  /** Whether threads without work wait in a busy loop. */
  readonly spin?: boolean;
}

/** Options of `generate`. */
export interface GenerateCommandOptions extends RunModelOptions {
  readonly prompt?: string;
  /** Whether prompts are written as the model's chat template has them. By default in a conversation. */
  readonly chat?: boolean;
  /** What a conversation begins with. */
  readonly system?: string;
  readonly maxTokens: number;
  readonly temperature: number;
  readonly topK?: number;
  readonly topP?: number;
  readonly seed: number;
  readonly ignoreEos?: boolean;
  /** A smaller model, named as the model is. */
  readonly draft?: string;
  readonly draftTokens: number;
}

/** Options of `bench`. */
export interface BenchCommandOptions extends RunModelOptions {
  readonly promptLengths: readonly number[];
  readonly newTokens: number;
  readonly warmup: number;
  readonly repeats: number;
}

/** Collects `--set name=value`. The last value given for a name counts. */
export function collectSetting(text: string, before: ReadonlyMap<string, string>): ReadonlyMap<string, string> {
  const [, name, value] = /^([^=]+)=(.*)$/s.exec(text) ?? [];
  if (name === undefined || value === undefined) {
    throw new QuernError('usage', `--set takes name=value, got ${JSON.stringify(text)}`);
  }
  return new Map([...before, [name, value]]);
}

export function parseMemory(text: string): number {
  const bytes = parseSizeBytes(text);
  if (!bytes) throw new QuernError('usage', `--memory takes a size such as 8GiB, got ${JSON.stringify(text)}`);
  return bytes;
}

/** A parser of whole numbers from `minimum` on, for an option. */
export function wholeNumber(option: string, minimum = 1, maximum = Number.MAX_SAFE_INTEGER): (text: string) => number {
  const isOpen = maximum === Number.MAX_SAFE_INTEGER;
  const range = isOpen ? `from ${minimum} on` : `from ${minimum} to ${maximum}`;
  const expected = isOpen && minimum === 1 ? 'a positive whole number' : `a whole number ${range}`;
  return numberParser(option, expected, (value) => {
    return Number.isSafeInteger(value) && value >= minimum && value <= maximum;
  });
}

/** A parser of numbers from 0 (included only if `zero`) to `maximum`, for an option. */
export function fraction(option: string, { zero, maximum }: { readonly zero: boolean; readonly maximum: number }) {
  return numberParser(option, `a number ${zero ? 'from' : 'above'} 0 to ${maximum}`, (value) => {
    return (zero ? value >= 0 : value > 0) && value <= maximum;
  });
}

/** A parser of whole numbers from 1 on, separated by commas, for an option. */
export function wholeNumbers(option: string): (text: string) => readonly number[] {
  const parse = wholeNumber(option);
  return (text) => [...new Set(text.split(',').map((part) => parse(part.trim())))];
}

function numberParser(option: string, expected: string, isValid: (value: number) => boolean): (text: string) => number {
  return (text) => {
    const value = text.trim() === '' ? Number.NaN : Number(text);
    if (isValid(value)) return value;
    throw new QuernError('usage', `${option} takes ${expected}, got ${JSON.stringify(text)}`);
  };
}

/** `--force` alone forces every stage; `--force=NAME` may be given several times. */
export function collectForced(text: string, before: readonly string[] | true | undefined): readonly string[] | true {
  return before === true ? true : [...(before ?? []), text];
}
