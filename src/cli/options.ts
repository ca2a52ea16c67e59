import { QuernError } from '../errors.js';

export const progressModes = ['auto', 'tty', 'plain', 'json', 'none'] as const;
export type ProgressMode = (typeof progressModes)[number];

/** Options that every verb on a recipe takes, as commander hands them over. */
export interface CommonOptions {
  readonly json?: boolean;
  readonly cache?: string;
  readonly set: ReadonlyMap<string, string>;
  readonly verbose?: boolean;
}

/** Options of `build`. */
export interface BuildCommandOptions extends CommonOptions {
  readonly jobs?: number;
  readonly keepGoing?: boolean;
  readonly dryRun?: boolean;
  readonly force?: readonly string[] | true;
  readonly frozen?: boolean;
  readonly progress: ProgressMode;
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

/** `--force` alone forces every stage; `--force=NAME` may be given several times. */
export function collectForced(text: string, before: readonly string[] | true | undefined): readonly string[] | true {
  return before === true ? true : [...(before ?? []), text];
}
