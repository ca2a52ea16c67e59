import { type BenchmarkRow, benchmark, benchmarkCapacity, fitPrompts } from '../benchmark.js';
import type { EagerModel } from '../eager-model.js';
import { isModelled, modelledRow } from '../modelled-rows.js';
import type { Granularity } from '../partition.js';
import { placementAt } from '../placement-shapes.js';
import { type Runner, type RunnerOptions, withEagerModel, withRunner } from '../runner.js';

export interface BenchOptions extends RunnerOptions {
  readonly granularity: Granularity;
  readonly promptLengths: readonly number[];
  readonly newTokens: number;
  readonly warmup: number;
  readonly repeats: number;
  readonly onRepeat: (done: number, total: number) => void;
}

/** One prompt length of `quern bench`. Modelled times are of the NPU's work alone, measured ones of everything. */
export interface BenchRow extends BenchmarkRow {
  readonly modelledNpuPrefillMs?: number;
  readonly modelledNpuMsPerToken?: number;
}

/** `quern bench --json` */
export interface BenchReport {
  readonly model: string;
  readonly architecture: string;
  readonly engine: { readonly name: string; readonly version: string };
  readonly threads: number;
  /** Whether threads without work waited in a busy loop. */
  readonly spin: boolean;
  readonly devices: readonly string[];
  readonly granularity: Granularity;
  /** In a decoding step. */
  readonly offloadedOperators: number;
  /** Share of the multiplications with weights that are not done on the CPU. */
  readonly npuCoverage: number;
  readonly warmup: number;
  readonly repeats: number;
  readonly rows: readonly BenchRow[];
  readonly peakRssBytes: number;
}

/** Measures a model on prompts of several lengths. */
export async function benchReport(options: BenchOptions): Promise<BenchReport> {
  const { promptLengths, newTokens } = options;
  return withRunner(options, (runner) => {
    const capacity = benchmarkCapacity(promptLengths, newTokens, runner.opened.info.maximumPositions);
    return withEagerModel(runner, { granularity: options.granularity, capacity }, (model) =>
      measure(runner, model, options),
    );
  });
}

function measure({ engine, opened, devices }: Runner, model: EagerModel, options: BenchOptions): BenchReport {
  const { directory, threads, spin = false, granularity, promptLengths, newTokens, warmup, repeats } = options;
  const { architecture, vocabularySize } = opened.info;
  const total = fitPrompts(promptLengths, newTokens, model.capacity).length * (warmup + repeats);
  let done = 0;
  const onRepeat = (): void => options.onRepeat(++done, total);
  const rows = benchmark(model, { promptLengths, newTokens, vocabularySize, warmup, repeats, onRepeat });
  const { offloadedOperators, npuCoverage } = placementAt(model.placement, 1);
  return {
    model: directory,
    architecture,
    engine: { name: 'onnxruntime', version: engine.version },
    threads,
    spin,
    devices: devices.map(({ name }) => name),
    granularity,
    offloadedOperators,
    npuCoverage,
    warmup,
    repeats,
    rows: rows.map((row) => ({ ...row, ...modelledTimes(model, row.promptLength) })),
    peakRssBytes: process.resourceUsage().maxRSS * 1024,
  };
}

function modelledTimes(
  model: EagerModel,
  promptLength: number,
): Pick<BenchRow, 'modelledNpuPrefillMs' | 'modelledNpuMsPerToken'> {
  if (!isModelled(model.placement)) return {};
  return {
    modelledNpuPrefillMs: modelledRow(model, promptLength).timeMs,
    modelledNpuMsPerToken: modelledRow(model, 1).timeMs,
  };
}
