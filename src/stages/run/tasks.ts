import { openModelDirectory } from '../../models/model-directory.js';
import type { Engine } from '../../ort/engine.js';
import { type BenchmarkRow, benchmark, fitPrompts } from '../../runtime/benchmark.js';
import type { EagerModel } from '../../runtime/eager-model.js';
import { type Validation, validate } from '../../runtime/validate.js';
import { openWholeGraph } from '../../runtime/whole-graph.js';
import type { Tokenizer } from '../../text/tokenizer.js';
import type { WorkContext } from '../kind.js';
import { type Answer, type AnswerTimes, answerPrompts } from './answer-prompts.js';
import type { RunParameters } from './parameters.js';
import type { Prompt } from './prompts.js';

/** What the tasks gave. Those that were not asked for are missing. */
export interface TaskResults {
  readonly decoded: { readonly answers: readonly Answer[]; readonly times: AnswerTimes } | undefined;
  readonly benchmarked: readonly BenchmarkRow[] | undefined;
  readonly validation: Validation | undefined;
  /** Before the validation, which opens the model a second time. */
  readonly peakRssBytes: number;
}

export interface TaskSubjects {
  readonly engine: Engine;
  readonly model: EagerModel;
  readonly tokenizer: Tokenizer;
  readonly prompts: readonly Prompt[];
  readonly vocabularySize: number;
  /** The tokens that end an answer. */
  readonly endTokens: ReadonlySet<number>;
}

/** Runs the tasks that were asked for, and reports the progress of each. */
export function runTasks(context: WorkContext<RunParameters>, subjects: TaskSubjects): TaskResults {
  const { tasks } = context.parameters;
  return {
    decoded: tasks.includes('decode') ? decode(context, subjects) : undefined,
    benchmarked: tasks.includes('benchmark') ? measure(context, subjects) : undefined,
    peakRssBytes: process.resourceUsage().maxRSS * 1024,
    validation: tasks.includes('validate') ? compare(context, subjects) : undefined,
  };
}

function decode(
  context: WorkContext<RunParameters>,
  { model, tokenizer, prompts, endTokens }: TaskSubjects,
): NonNullable<TaskResults['decoded']> {
  const { maxLength, ignoreEos } = context.parameters;
  const onAnswer = counter(context, prompts.length, 'prompts');
  const heeded = ignoreEos ? new Set<number>() : endTokens;
  return answerPrompts(model, tokenizer, prompts, { maxLength, endTokens: heeded, onAnswer });
}

function measure(
  context: WorkContext<RunParameters>,
  { model, vocabularySize }: TaskSubjects,
): readonly BenchmarkRow[] {
  const { promptLengths, newTokens, warmup, repeats } = context.parameters;
  const count = fitPrompts(promptLengths, newTokens, model.capacity).length * (warmup + repeats);
  const onRepeat = counter(context, count, 'benchmark runs');
  return benchmark(model, { promptLengths, newTokens, warmup, repeats, vocabularySize, onRepeat });
}

function compare(context: WorkContext<RunParameters>, { engine, model, prompts }: TaskSubjects): Validation {
  const reference = openWholeGraph(engine, openModelDirectory(context.inputs.model!));
  const onPrompt = counter(context, prompts.length, 'validated prompts');
  return validate(
    model,
    reference,
    prompts.map(({ ids }) => ids),
    onPrompt,
  );
}

/** Counts towards `total`, and reports each step. */
function counter(context: WorkContext<RunParameters>, total: number, unit: string): () => void {
  let done = 0;
  return () => context.report({ done: ++done, total, unit });
}
