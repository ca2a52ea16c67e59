import { availableParallelism } from 'node:os';
import type { ExitCode } from '../../errors.js';
import { exitCodes } from '../../errors.js';
import { formatBytes, formatPercent } from '../../format.js';
import { parseDeviceList } from '../../runtime/devices/device-list.js';
import type { BenchReport, BenchRow } from '../../runtime/verbs/bench-report.js';
import { remoteBenchReport } from '../../runtime/verbs/engine-thread.js';
import { modelDirectory } from '../model-argument.js';
import type { BenchCommandOptions } from '../options.js';
import { formatTable, printJson } from '../output.js';
import { StatusLine } from '../status-line.js';

/** `quern bench MODEL`: times of prompts and tokens, measured, and beside them what is modelled of an NPU. */
export async function bench(model: string, stage: string | undefined, options: BenchCommandOptions): Promise<ExitCode> {
  const devices = parseDeviceList(options.devices);
  const { granularity, promptLengths, newTokens, warmup, repeats } = options;
  const isTerminal = process.stderr.isTTY === true;
  const line = new StatusLine();
  const report = await remoteBenchReport({
    directory: await modelDirectory(model, stage, options),
    policy: options.placement,
    ...{ devices, granularity, promptLengths, newTokens, warmup, repeats },
    threads: options.threads ?? availableParallelism(),
    spin: options.spin === true,
    log: (line) => process.stderr.write(`${line}\n`),
    onRepeat: (done, total) => {
      if (done === total) line.clear();
      else if (isTerminal) line.show(`${done}/${total} runs`);
    },
  });
  if (options.json) printJson(report);
  else process.stdout.write(`${reportLines(report).join('\n')}\n`);
  return exitCodes.done;
}

function reportLines(report: BenchReport): readonly string[] {
  const { architecture, devices, granularity, threads, spin, engine, offloadedOperators, npuCoverage, rows } = report;
  const isModelled = rows.some((row) => row.modelledNpuMsPerToken !== undefined);
  const header = ['prompt', 'new', 'prefill ms', 'ms/token', 'tokens/s'];
  const modelled = ['NPU prefill ms (modelled)', 'NPU ms/token (modelled)'];
  return [
    `${architecture} on ${devices.join(', ')}, by ${granularity}; ${threads} threads${spin ? ' that spin' : ''}, ${engine.name} ${engine.version}`,
    ...(offloadedOperators === 0
      ? []
      : [`${offloadedOperators} operators offloaded, ${formatPercent(npuCoverage)} of MACs`]),
    ...formatTable([isModelled ? [...header, ...modelled] : header, ...rows.map(cells)]),
    ...rows.flatMap(({ note, promptLength }) => (note === undefined ? [] : [`prompt ${promptLength}: ${note}`])),
    `medians of ${report.repeats} (smallest-largest); peak ${formatBytes(report.peakRssBytes)}`,
  ];
}

function cells(row: BenchRow): string[] {
  const { modelledNpuPrefillMs, modelledNpuMsPerToken } = row;
  return [
    String(row.promptLength),
    String(row.newTokens),
    withSpread(row.prefillMs, row.prefillMsSpread),
    withSpread(row.msPerToken, row.msPerTokenSpread),
    withSpread(row.tokensPerSecond, row.tokensPerSecondSpread),
    ...(modelledNpuPrefillMs === undefined ? [] : [modelledNpuPrefillMs.toFixed(2)]),
    ...(modelledNpuMsPerToken === undefined ? [] : [modelledNpuMsPerToken.toFixed(2)]),
  ];
}

function withSpread(value: number, [smallest, largest]: readonly [number, number]): string {
  return `${value.toFixed(2)} (${smallest.toFixed(2)}-${largest.toFixed(2)})`;
}
