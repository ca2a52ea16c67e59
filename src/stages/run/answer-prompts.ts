import { median } from '../../runtime/averages.js';
import { collect, type GeneratedToken, type Generation, type StopReason } from '../../runtime/generate.js';
import type { Tokenizer } from '../../text/tokenizer.js';
import type { Prompt } from './prompts.js';

/** A prompt and its answer, as the report has them. A type and not an interface, so that it is JSON. */
export type Answer = {
  readonly prompt: string;
  readonly promptIds: readonly number[];
  readonly answer: string;
  readonly answerIds: readonly number[];
  readonly stoppedBy: StopReason;
};

/** Times measured while answering, medians over prompts and tokens. */
export interface AnswerTimes {
  readonly prefillMs: number;
  /** Missing where no answer has a second token. */
  readonly msPerToken?: number;
}

/** Starts the answer to a prompt. */
export type StartAnswer = (promptIds: Int32Array) => Generator<GeneratedToken, StopReason, undefined>;

/** Answers prompts, each on its own. */
export function answerPrompts(
  tokenizer: Tokenizer,
  prompts: readonly Prompt[],
  start: StartAnswer,
  onAnswer: (promptLength: number, generation: Generation) => void,
): { readonly answers: readonly Answer[]; readonly times: AnswerTimes } {
  const generations = prompts.map(({ text, ids }) => {
    const generation = collect(start(ids));
    onAnswer(ids.length, generation);
    return { text, ids, ...generation };
  });
  const answers = generations.map(({ text, ids, newIds, stoppedBy }) => ({
    prompt: text,
    promptIds: [...ids],
    answer: tokenizer.decode(newIds, { special: false }),
    answerIds: newIds,
    stoppedBy,
  }));
  const tokenMs = generations.flatMap((generation) => generation.tokenMs);
  const prefillMs = median(generations.map((generation) => generation.prefillMs));
  return { answers, times: tokenMs.length === 0 ? { prefillMs } : { prefillMs, msPerToken: median(tokenMs) } };
}
