import { QuernError } from '../errors.js';
import { parseSizeBytes } from '../quantities.js';

export const progressModes = ['auto', 'tty', 'plain', 'json', 'none'] as const;
export type ProgressMode = (typeof progressModes)[number];

export const graphFormats = ['mermaid', 'dot', 'svg', 'json'] as const;
export type GraphFormat = (typeof graphFormats)[number];

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

/** Collects `--set name=value`. The last value given for a name counts. */
export function collectSetting(text: string, before: ReadonlyMap<string, string>): ReadonlyMap<string, string> {
  const [, name, value] = /^([^=]+)=(.*)$/s.exec(text) ?? [];
  if (name === undefined || value === undefined) {
    throw new QuernError('usage', `--set takes name=value, got ${JSON.stringify(text)}`);
  }
  return new Map([...before, [name, value]]);
}

export function parseJobs(text: string): number {
  const jobs = Number(text);
  if (!Number.isSafeInteger(jobs) || jobs < 1)
    throw new QuernError('usage', `-j takes a positive whole number, got ${JSON.stringify(text)}`);
  return jobs;
}

export function parseMemory(text: string): number {
  const bytes = parseSizeBytes(text);
  if (!bytes) throw new QuernError('usage', `--memory takes a size such as 8GiB, got ${JSON.stringify(text)}`);
  return bytes;
}

export function parseLimit(text: string): number {
  const limit = Number(text);
  if (!Number.isSafeInteger(limit) || limit < 1)
    throw new QuernError('usage', `--limit takes a positive whole number, got ${JSON.stringify(text)}`);
  return limit;
}

/** `--force` alone forces every stage; `--force=NAME` may be given several times. */
export function collectForced(text: string, before: readonly string[] | true | undefined): readonly string[] | true {
  return before === true ? true : [...(before ?? []), text];
}
