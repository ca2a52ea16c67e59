import type { Graph } from '../../onnx/ir.js';
import { mean } from '../../runtime/averages.js';
import { type GemmCall, GemmLog } from '../../runtime/gemm-log.js';
import type { Generation } from '../../runtime/generate.js';
import type { RunObserver } from '../../runtime/observed-engine.js';

/** One answer, with the products that ran as units of their own while it was computed. */
interface Example {
  readonly finishedAt: Date;
  readonly promptLength: number;
  readonly newTokens: number;
  readonly prefillMs: number;
  /** Of each token after the first. */
  readonly tokenMs: readonly number[];
  /** Mean of the tokens after the first, 0 without any. */
  readonly msPerToken: number;
  readonly totalMs: number;
  readonly gemms: readonly GemmCall[];
}

/** Collects what AMD's scripts for Ryzen AI log of each answer, and writes it the way they do. */
export class AmdRecorder {
  readonly #log: GemmLog;
  readonly #flow: string;
  readonly #examples: Example[] = [];

  constructor(graph: Graph, architecture: string) {
    this.#log = new GemmLog(graph);
    this.#flow = flowOf(architecture);
  }

  get observe(): RunObserver {
    return this.#log.observe;
  }

  /** An answer that was computed since the one before. */
  add(promptLength: number, { newIds, prefillMs, tokenMs }: Generation): void {
    const totalMs = tokenMs.reduce((sum, time) => sum + time, prefillMs);
    const msPerToken = tokenMs.length === 0 ? 0 : mean(tokenMs);
    const gemms = this.#log.take();
    const times = { prefillMs, tokenMs, msPerToken, totalMs, finishedAt: new Date() };
    this.#examples.push({ promptLength, newTokens: newIds.length, ...times, gemms });
  }

  /** Forgets what was computed since the last answer. */
  skip(): void {
    this.#log.take();
  }

  /** The log, the console's lines and table, and the columns of their profiler. */
  files(): { readonly [name: string]: string } {
    return {
      'amd.log': text(this.#examples.flatMap((example) => logLines(example, this.#flow))),
      'amd-console.txt': text([...this.#examples.map(consoleLine), '', ...consoleTable(this.#examples)]),
      'amd-profile.csv': text([csvColumns.join(','), ...this.#examples.map(csvRow)]),
    };
  }
}

/** What the decoder's lines are marked with in the flow of an architecture. */
function flowOf(architecture: string): string {
  if (architecture === 'OPTForCausalLM') return 'OPTAMD';
  return architecture === 'LlamaForCausalLM' ? 'LLAMAAMD' : 'ORTAMD';
}

function text(lines: readonly string[]): string {
  return `${lines.join('\n')}\n`;
}

/** A pass over the prompt has several rows, one for a token has one: that is how their profiler tells them apart. */
const isPrefill = ({ m }: GemmCall): boolean => m > 1;

function logLines(example: Example, flow: string): string[] {
  const { promptLength, newTokens, totalMs, prefillMs, tokenMs, msPerToken, gemms, finishedAt } = example;
  return [
    ...gemms.map(({ m, k, n, startMs, endMs }) => {
      const [start, end] = [nanoseconds(startMs), nanoseconds(endMs)];
      // Compile, pre-processing and quantization take no time of their own here, nor do dequantization and post-processing.
      const times = [start, start, start, start, start, start, start, end, end, end, end, end];
      return `[PROFILE][AIE] ${[m, k, k, n, ...times].join(' ')}`;
    }),
    ...[prefillMs, ...tokenMs].map((time) => `[PROFILE][${flow}] model_decoder_forward ${nanoseconds(time)} 0 0`),
    `[PROFILE][AIE] generate: ${seconds(totalMs)} for ${newTokens} tokens; prompt-tokens: ${promptLength}; time per generated token: ${msPerToken}`,
  ].map((message) => `${clockTime(finishedAt)} root CRITICAL ${message}`);
}

function consoleLine({ promptLength, newTokens, totalMs, prefillMs, msPerToken }: Example, index: number): string {
  return [
    `Example#:${index + 1}`,
    `Prompt-len:${promptLength}`,
    `New-tokens-generated:${newTokens}`,
    `Total-time:${seconds(totalMs).toFixed(3)}s`,
    `Prefill-phase:${prefillMs.toFixed(3)}ms`,
    `Time/token:${msPerToken.toFixed(0)}ms`,
    `Tokens/sec:${tokensPerSecond(msPerToken).toFixed(1)}`,
  ].join('\t');
}

function consoleTable(examples: readonly Example[]): string[] {
  const columns = [
    ...['Example#', 'Prompt Length', 'New Tokens Generated'],
    ...['Total Time (s)', 'Prefill Phase (ms)', 'Time/Token (ms)', 'Tokens/Sec'],
  ];
  const rows = examples.map(({ promptLength, newTokens, totalMs, prefillMs, msPerToken }, index) => [
    ...[index + 1, promptLength, newTokens],
    ...[seconds(totalMs), prefillMs, msPerToken, tokensPerSecond(msPerToken)],
  ]);
  return [columns, columns.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`);
}

/** The names of tools/profiler.py, its two mistakes included. */
const csvColumns = [
  ...['Filename', 'Example#', 'Num_Tokens_In', 'MatMul_time_Prefill_phase[s]', 'MatMul_time_Token_phase[s]'],
  ...['MatMul_time_Cumulative[s]', 'All_Other_layers[s]', 'Generate_Time[s]', 'Preprocessing_time_Prefill_phase[s]'],
  ...['Decoder_time_Prefill_phase[s]', 'Postprocessing_time_Prefill_phase[s]', 'Postprocessing_time_Token_phase[s]'],
  ...['Decoder_time_Token_phase[s]', 'Postprocessing_time_Token_phase[s]', 'Num_Tokens_Out', 'Num_New_Tokens'],
  ...['Prefill_Phase[ms]', 'Time_per_Token[ms]', 'Tokens\\sec'],
];

function csvRow(example: Example, index: number): string {
  const { promptLength, newTokens, totalMs, prefillMs, msPerToken, gemms } = example;
  const matMulMs = (calls: readonly GemmCall[]): number =>
    calls.reduce((sum, { startMs, endMs }) => sum + endMs - startMs, 0);
  const [prefillGemmMs, allGemmMs] = [matMulMs(gemms.filter(isPrefill)), matMulMs(gemms)];
  return [
    ...['amd.log', index + 1, promptLength],
    ...[prefillGemmMs, allGemmMs - prefillGemmMs, allGemmMs, totalMs - allGemmMs, totalMs].map(seconds),
    ...[0, seconds(prefillMs), 0],
    ...[0, seconds(totalMs - prefillMs), 0],
    ...[promptLength + newTokens, newTokens, prefillMs, msPerToken, tokensPerSecond(msPerToken)],
  ].join(',');
}

/** As Python's logging writes it. */
function clockTime(date: Date): string {
  return date.toISOString().slice(11, 23).replace('.', ',');
}

function tokensPerSecond(msPerToken: number): number {
  return msPerToken === 0 ? 0 : 1000 / msPerToken;
}

function seconds(timeMs: number): number {
  return timeMs / 1000;
}

function nanoseconds(timeMs: number): number {
  return Math.round(timeMs * 1e6);
}
