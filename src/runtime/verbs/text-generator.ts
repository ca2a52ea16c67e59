import { setImmediate } from 'node:timers/promises';
import { QuernError } from '../../errors.js';
import { TextStream } from '../../text/text-stream.js';
import { GuessCount, type GuessSummary, generateAssisted } from '../assisted.js';
import { mean } from '../averages.js';
import type { Decoder } from '../decoder.js';
import type { EagerModel } from '../eager-model.js';
import { type GeneratedToken, generateTokens, type StopReason } from '../generate.js';
import type { Granularity } from '../partition.js';
import { placementAt } from '../placement-shapes.js';
import { PromptCache } from '../prompt-cache.js';
import { openRelated, type Runner, type RunnerOptions, withEagerModel, withRunner } from '../runner.js';
import { type Sampling, tokenChoice } from '../sampling.js';
import { couplesTokens } from '../token-coupling.js';

/** Tokens that a prompt and its answer in a conversation may have together. */
const conversationTokens = 4096;

export interface TextGeneratorOptions extends RunnerOptions {
  readonly granularity: Granularity;
  /** Most tokens behind a prompt; fewer where there is no more room. */
  readonly maxTokens: number;
  readonly sampling: Sampling;
  /** Directory of a smaller model that guesses tokens for this one. Only where sampling is greedy. */
  readonly draft?: string;
  readonly draftTokens: number;
  /** Whether a text goes on behind a token that ends it. */
  readonly ignoreEos: boolean;
  /** The only prompt there will be. Without it there is room for prompts and answers of 4,096 tokens, or fewer positions. */
  readonly prompt?: Prompt;
}

/** What a model is given to go on with. */
export interface Prompt {
  readonly text: string;
  /** Whether the tokenizer puts tokens round it, as round any text. Templates of conversations have them already. */
  readonly special: boolean;
}

export interface AnswerOptions {
  /** Ends the text behind the token that is being computed. */
  readonly stop: AbortSignal;
  /** Given the text as it comes. */
  readonly onText: (text: string) => void;
}

export interface GeneratedText {
  readonly promptIds: readonly number[];
  /** Of the new tokens, without those that end a text. */
  readonly text: string;
  readonly newIds: readonly number[];
  readonly stoppedBy: StopReason | 'interrupted';
  /** Time to the first new token. Missing where there was none in time. */
  readonly prefillMs?: number;
  /** Mean time of the tokens after the first. Missing without any. */
  readonly msPerToken?: number;
  /** How often the draft was right, where there is one. */
  readonly draft?: GuessSummary;
}

/** `quern generate --json` */
export interface GenerationReport extends GeneratedText {
  readonly model: string;
  readonly architecture: string;
  readonly devices: readonly string[];
  readonly granularity: Granularity;
  readonly threads: number;
  /** Whether threads without work waited in a busy loop. */
  readonly spin: boolean;
  readonly sampling: Sampling;
  readonly prompt: string;
  readonly tokensPerSecond?: number;
  /** Share of the multiplications with weights that are not done on the CPU. */
  readonly npuCoverage: number;
  readonly peakRssBytes: number;
}

/** Opens a model that continues prompts, for the time that `use` takes. */
export async function withTextGenerator<T>(
  options: TextGeneratorOptions,
  use: (generator: TextGenerator) => Promise<T>,
): Promise<T> {
  return withRunner(options, (runner) => {
    const { granularity, prompt, maxTokens, draft } = options;
    const needed = prompt === undefined ? conversationTokens : encode(runner, prompt).length + maxTokens;
    const capacity = Math.min(runner.opened.info.maximumPositions, needed);
    const withDraft = (model: EagerModel): Promise<T> => {
      if (draft === undefined) return use(new TextGenerator(runner, model, options));
      const related = openRelated(draft, 'draft', runner.opened.info);
      const drafting = { granularity, opened: related, capacity: Math.min(related.info.maximumPositions, capacity) };
      return withEagerModel(runner, drafting, (drafter) => use(new TextGenerator(runner, model, options, drafter)));
    };
    return withEagerModel(runner, { granularity, capacity }, withDraft);
  });
}

/** A model that continues prompts, each on its own. How a prompt begins is read once where that changes nothing. */
export class TextGenerator {
  readonly #runner: Runner;
  readonly #model: EagerModel;
  readonly #decoder: Decoder;
  /** Whether a prompt is read from where it differs from the one before. */
  readonly #keepsPrompts: boolean;
  readonly #options: TextGeneratorOptions;
  readonly #draft: EagerModel | undefined;

  constructor(runner: Runner, model: EagerModel, options: TextGeneratorOptions, draft?: EagerModel) {
    this.#runner = runner;
    this.#model = model;
    this.#keepsPrompts = model.readsInParts && draft === undefined;
    this.#decoder = this.#keepsPrompts ? new PromptCache(model) : model;
    this.#options = options;
    this.#draft = draft;
  }

  /**
   * Continues a prompt. The event loop has a turn between tokens, and between the parts of a long prompt.
   * @throws QuernError (`stage`) if the prompt leaves no room for a token
   */
  async answer(prompt: Prompt, { stop, onText }: AnswerOptions): Promise<GeneratedText> {
    const { tokenizer } = this.#runner;
    const promptIds = encode(this.#runner, prompt);
    const guesses = new GuessCount();
    const tokens = this.#tokens(promptIds, guesses);
    const stream = new TextStream(tokenizer);
    const generated: GeneratedToken[] = [];
    let stoppedBy: GeneratedText['stoppedBy'] = 'interrupted';
    const aheadMs = await this.#readAhead(promptIds, stop);
    while (!stop.aborted) {
      const next = tokens.next();
      if (next.done) {
        stoppedBy = next.value;
        break;
      }
      const { id, durationMs } = next.value;
      generated.push({ id, durationMs: generated.length === 0 ? durationMs + aheadMs : durationMs });
      onText(stream.push(id));
      await setImmediate();
    }
    onText(stream.end());
    const newIds = generated.map(({ id }) => id);
    const text = tokenizer.decode(newIds, { special: false });
    const draft = this.#draft === undefined ? {} : { draft: guesses.summary };
    return { promptIds: [...promptIds], text, newIds, stoppedBy, ...times(generated), ...draft };
  }

  report({ text: prompt }: Prompt, answer: GeneratedText): GenerationReport {
    const { directory, granularity, threads, sampling, spin = false } = this.#options;
    const { devices, opened } = this.#runner;
    return {
      model: directory,
      architecture: opened.info.architecture,
      devices: devices.map(({ name }) => name),
      granularity,
      threads,
      spin,
      sampling,
      prompt,
      ...answer,
      ...(answer.msPerToken === undefined ? {} : { tokensPerSecond: 1000 / answer.msPerToken }),
      npuCoverage: placementAt(this.#model.placement, 1).npuCoverage,
      peakRssBytes: process.resourceUsage().maxRSS * 1024,
    };
  }

  /** Reads all full parts of a prompt but the last, which stay known. Returns the time it took. */
  async #readAhead(promptIds: Int32Array, stop: AbortSignal): Promise<number> {
    const start = performance.now();
    const { partLength } = this.#model;
    for (let end = partLength; this.#keepsPrompts && end < promptIds.length && !stop.aborted; end += partLength) {
      this.#decoder.reset();
      this.#decoder.forward(promptIds.subarray(0, end));
      await setImmediate();
    }
    return performance.now() - start;
  }

  #tokens(promptIds: Int32Array, guesses: GuessCount): Generator<GeneratedToken, StopReason, undefined> {
    const { maxTokens, ignoreEos, sampling, draftTokens } = this.#options;
    const { capacity } = this.#model;
    requireRoom(promptIds, capacity);
    const limits = {
      maxLength: Math.min(capacity, promptIds.length + maxTokens),
      endTokens: ignoreEos ? new Set<number>() : this.#runner.endTokens,
    };
    if (this.#draft === undefined) {
      return generateTokens(this.#decoder, promptIds, { ...limits, choose: tokenChoice(sampling) });
    }
    const oneByOne = couplesTokens(this.#runner.opened.model.graph.nodes);
    const options = { ...limits, draft: this.#draft, draftTokens, oneByOne, onGuesses: guesses.add };
    return generateAssisted(this.#model, promptIds, options);
  }
}

function encode({ tokenizer }: Runner, { text, special }: Prompt): Int32Array {
  return tokenizer.encode(text, { special });
}

function times(generated: readonly GeneratedToken[]): Pick<GeneratedText, 'prefillMs' | 'msPerToken'> {
  const [first, ...others] = generated;
  if (first === undefined) return {};
  const prefillMs = first.durationMs;
  return others.length === 0 ? { prefillMs } : { prefillMs, msPerToken: mean(others.map((token) => token.durationMs)) };
}

function requireRoom({ length }: Int32Array, capacity: number): void {
  if (length === 0) throw new QuernError('stage', 'the prompt has no tokens', { suggestion: 'give a prompt' });
  if (length < capacity) return;
  throw new QuernError('stage', `the prompt has ${length} tokens, and the model has room for ${capacity}`, {
    suggestion: 'shorten the prompt',
  });
}
