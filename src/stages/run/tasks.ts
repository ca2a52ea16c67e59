import { GuessCount, type GuessSummary, generateAssisted } from '../../runtime/assisted.js';
import { type BenchmarkRow, benchmark, fitPrompts } from '../../runtime/benchmark.js';
import type { EagerModel } from '../../runtime/eager-model.js';
import { type Generation, generateTokens } from '../../runtime/generate.js';
import type { ProfileRow } from '../../runtime/operator-profile.js';
import { openRelated, type Runner, withEagerModel } from '../../runtime/runner.js';
import { tokenChoice } from '../../runtime/sampling.js';
import { couplesTokens } from '../../runtime/token-coupling.js';
import type { TokenWindows } from '../../text/windows.js';
import { EagerEvaluator } from '../evaluate/eager-evaluator.js';
import { Evaluator } from '../evaluate/evaluator.js';
import { type PerplexityMetrics, perplexityOf, type WindowLosses, windowLosses } from '../evaluate/perplexity.js';
import { openReference } from '../evaluate/work.js';
import type { WorkContext } from '../kind.js';
import type { AmdRecorder } from './amd-format.js';
import { type Answer, type AnswerTimes, answerPrompts } from './answer-prompts.js';
import type { RunParameters } from './parameters.js';
import { profileModel } from './profile-model.js';
import type { Prompt } from './prompts.js';
import { type ValidationReport, validateModel } from './validate-model.js';

/** What the tasks gave. Those that were not asked for are missing. */
export interface TaskResults {
  readonly decoded: DecodeResult | undefined;
  readonly benchmarked: readonly BenchmarkRow[] | undefined;
  readonly perplexity: PerplexityResult | undefined;
  readonly profile: readonly ProfileRow[] | undefined;
  readonly validation: ValidationReport | undefined;
  /** Before references are opened. */
  readonly peakRssBytes: number;
}

export interface DecodeResult {
  readonly answers: readonly Answer[];
  readonly times: AnswerTimes;
  /** Where there is a draft. */
  readonly guesses?: GuessSummary;
}

/** A type and not an interface, so that it is JSON. */
export type PerplexityResult = {
  readonly protocol: RunParameters['protocol'];
  readonly metrics: PerplexityMetrics;
  readonly windows: readonly WindowLosses[];
};

export interface TaskSubjects {
  readonly runner: Runner;
  readonly model: EagerModel;
  readonly prompts: readonly Prompt[];
  /** There for the task perplexity. */
  readonly windows: TokenWindows | undefined;
  /** There where AMD's formats are wanted. */
  readonly amd: AmdRecorder | undefined;
}

/** Runs the tasks that were asked for, and reports the progress of each. */
export async function runTasks(context: WorkContext<RunParameters>, subjects: TaskSubjects): Promise<TaskResults> {
  const { tasks } = context.parameters;
  return {
    decoded: tasks.includes('decode') ? await decode(context, subjects) : undefined,
    benchmarked: tasks.includes('benchmark') ? measure(context, subjects) : undefined,
    peakRssBytes: process.resourceUsage().maxRSS * 1024,
    perplexity: subjects.windows === undefined ? undefined : measurePerplexity(context, subjects, subjects.windows),
    profile: tasks.includes('profile') ? await profileModel(context, subjects.runner, counter) : undefined,
    validation: tasks.includes('validate')
      ? await validateModel(context, subjects, counter(context, subjects.prompts.length, 'validated prompts'))
      : undefined,
  };
}

async function decode(
  context: WorkContext<RunParameters>,
  { runner, model, prompts, amd }: TaskSubjects,
): Promise<DecodeResult> {
  const { parameters, inputs } = context;
  const { maxLength, ignoreEos, draftTokens, granularity } = parameters;
  const count = counter(context, prompts.length, 'prompts');
  const onAnswer = (promptLength: number, generation: Generation): void => {
    amd?.add(promptLength, generation);
    count();
  };
  const limits = { maxLength, endTokens: ignoreEos ? new Set<number>() : runner.endTokens };
  if (inputs.draft === undefined) {
    const start = (ids: Int32Array) => generateTokens(model, ids, { ...limits, choose: tokenChoice(parameters) });
    return answerPrompts(runner.tokenizer, prompts, start, onAnswer);
  }
  const opened = openRelated(inputs.draft, 'draft', runner.opened.info);
  const capacity = Math.min(opened.info.maximumPositions, maxLength);
  return withEagerModel(runner, { opened, granularity, capacity }, (draft) => {
    const guesses = new GuessCount();
    const oneByOne = couplesTokens(runner.opened.model.graph.nodes);
    const options = { ...limits, draft, draftTokens, oneByOne, onGuesses: guesses.add };
    const start = (ids: Int32Array) => generateAssisted(model, ids, options);
    return { ...answerPrompts(runner.tokenizer, prompts, start, onAnswer), guesses: guesses.summary };
  });
}

function measure(context: WorkContext<RunParameters>, { runner, model, amd }: TaskSubjects): readonly BenchmarkRow[] {
  const { promptLengths, newTokens, warmup, repeats } = context.parameters;
  const { vocabularySize } = runner.opened.info;
  const count = fitPrompts(promptLengths, newTokens, model.capacity).length * (warmup + repeats);
  const step = counter(context, count, 'benchmark runs');
  const onRepeat = (promptLength: number, generation: Generation, counts: boolean): void => {
    if (counts) amd?.add(promptLength, generation);
    else amd?.skip();
    step();
  };
  return benchmark(model, { promptLengths, newTokens, warmup, repeats, vocabularySize, onRepeat });
}

function measurePerplexity(
  { inputs, parameters, report }: WorkContext<RunParameters>,
  { runner, model }: TaskSubjects,
  windows: TokenWindows,
): PerplexityResult {
  const { engine, opened } = runner;
  const { vocabularySize } = opened.info;
  const reference = inputs.reference === undefined ? undefined : openReference(runner, inputs.reference);
  const eager = new EagerEvaluator(engine, model, { vocabularySize, keepLogits: reference !== undefined });
  const evaluator = new Evaluator(engine, vocabularySize, eager, reference);
  const results = evaluator.evaluate([...windows], (share) =>
    report({ done: Math.floor(share * windows.count), total: windows.count, unit: 'windows' }),
  );
  return { protocol: parameters.protocol, metrics: perplexityOf(results, windows), windows: windowLosses(results) };
}

/** Counts towards `total`, and reports each step. */
function counter(context: WorkContext<RunParameters>, total: number, unit: string): () => void {
  let done = 0;
  return () => context.report({ done: ++done, total, unit });
}
