import type { ThreadError } from '../../thread-error.js';
import type { BenchOptions, BenchReport } from './bench-report.js';
import type { GeneratedText, GenerationReport, Prompt, TextGeneratorOptions } from './text-generator.js';

/** What the thread of the engine is started for. */
export type EngineStart =
  | { readonly verb: 'generate'; readonly options: Omit<TextGeneratorOptions, 'log'> }
  | { readonly verb: 'bench'; readonly options: Omit<BenchOptions, 'log' | 'onRepeat'> };

/** What a thread that generates is told. One prompt is answered at a time. */
export type EngineRequest =
  | { readonly type: 'answer'; readonly prompt: Prompt }
  /** Ends the text behind the token that is being computed. */
  | { readonly type: 'stop' }
  | { readonly type: 'close' };

/** A text, and the report of it. */
export interface Answer {
  readonly text: GeneratedText;
  readonly report: GenerationReport;
}

/** What the thread says. `failed` is the end of what was asked; of a prompt, not of the thread. */
export type EngineReply =
  | { readonly type: 'log'; readonly line: string }
  | { readonly type: 'ready' }
  /** The text of a token. */
  | { readonly type: 'text'; readonly text: string }
  | { readonly type: 'answered'; readonly answer: Answer }
  | { readonly type: 'repeat'; readonly done: number; readonly total: number }
  | { readonly type: 'measured'; readonly report: BenchReport }
  | { readonly type: 'failed'; readonly error: ThreadError };
