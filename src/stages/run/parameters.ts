import { QuernError } from '../../errors.js';
import type { Json } from '../../json.js';
import { benchmarkCapacity } from '../../runtime/benchmark.js';
import type { Granularity } from '../../runtime/partition.js';
import type { PlacementPolicy } from '../../runtime/runner.js';
import type { Sampling } from '../../runtime/sampling.js';
import { validationTokens } from '../../runtime/validate.js';
import type { DatasetParameters } from '../dataset-windows.js';
import type { Protocol, ProtocolDataset } from '../evaluate/protocols.js';
import type { PerplexityDataset } from '../evaluate/read-windows.js';
import type { RunTask } from './kind.js';
import type { Prompt } from './prompts.js';

export interface RunParameters extends Sampling {
  readonly devices: readonly Json[];
  readonly placement: PlacementPolicy;
  readonly tasks: readonly RunTask[];
  readonly granularity: Granularity;
  readonly strict: boolean;
  /** Missing where they are to be all that there are. */
  readonly threads?: number;
  readonly prompts: readonly string[];
  /** Tokens of prompt and answer together. */
  readonly maxLength: number;
  readonly ignoreEos: boolean;
  /** Tokens that a draft guesses at a time. */
  readonly draftTokens: number;
  /** What a perplexity is measured on: there where that is one of the tasks. */
  readonly dataset?: DatasetParameters | ProtocolDataset;
  readonly protocol: Protocol;
  readonly formats: readonly 'amd'[];
  /** The first operator with a larger error is named. */
  readonly operatorErrorLimit: number;
  readonly promptLengths: readonly number[];
  readonly newTokens: number;
  readonly warmup: number;
  readonly repeats: number;
}

/** @throws QuernError (`stage`) if the answers would be longer than the model has positions for */
export function checkMaxLength({ tasks, maxLength }: RunParameters, positions: number): void {
  if (!tasks.includes('decode') || maxLength <= positions) return;
  throw new QuernError('stage', `maxLength is ${maxLength}, but the model has ${positions} positions`, {
    suggestion: `lower maxLength to at most ${positions}`,
  });
}

/** The data set that a perplexity is measured on, where one of the tasks does that. */
export function perplexityDataset({ tasks, protocol, dataset }: RunParameters): PerplexityDataset | undefined {
  if (dataset === undefined || !(tasks.includes('perplexity') || tasks.includes('validate'))) return undefined;
  // Normalised parameters have every member where the protocol leaves them to the recipe.
  return protocol === 'windows' ? { protocol, dataset: dataset as DatasetParameters } : { protocol, dataset };
}

/**
 * Most tokens that one of the tasks has in the cache: memory for it is allocated once, and for no more. At least the one of
 * a decoding step, which reports describe whatever the tasks.
 */
export function neededCapacity(
  parameters: RunParameters,
  prompts: readonly Prompt[],
  windowLength: number,
  positions: number,
): number {
  const { tasks, maxLength, promptLengths, newTokens } = parameters;
  const needs: number[] = [1, windowLength];
  if (tasks.includes('decode')) needs.push(maxLength);
  if (tasks.includes('validate')) needs.push(...prompts.map(({ ids }) => ids.length + validationTokens));
  if (tasks.includes('benchmark')) needs.push(benchmarkCapacity(promptLengths, newTokens, positions));
  return Math.max(...needs);
}
