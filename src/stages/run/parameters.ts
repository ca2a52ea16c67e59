import { QuernError } from '../../errors.js';
import type { Json } from '../../json.js';
import { benchmarkCapacity } from '../../runtime/benchmark.js';
import type { Granularity } from '../../runtime/partition.js';
import { validationTokens } from '../../runtime/validate.js';
import type { Prompt } from './prompts.js';

export interface RunParameters {
  readonly devices: readonly Json[];
  readonly tasks: readonly ('decode' | 'benchmark' | 'validate')[];
  readonly granularity: Granularity;
  readonly strict: boolean;
  readonly prompts: readonly string[];
  /** Tokens of prompt and answer together. */
  readonly maxLength: number;
  readonly ignoreEos: boolean;
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

/** Most tokens that one of the tasks has in the cache: memory for it is allocated once, and for no more. */
export function neededCapacity(parameters: RunParameters, prompts: readonly Prompt[], positions: number): number {
  const { tasks, maxLength, promptLengths, newTokens } = parameters;
  const needs: number[] = [];
  if (tasks.includes('decode')) needs.push(maxLength);
  if (tasks.includes('validate')) needs.push(...prompts.map(({ ids }) => ids.length + validationTokens));
  if (tasks.includes('benchmark')) needs.push(benchmarkCapacity(promptLengths, newTokens, positions));
  return Math.max(...needs);
}
