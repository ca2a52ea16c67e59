import { checkGates } from '../../build/gates.js';
import type { ExitCode } from '../../errors.js';
import { exitCodes } from '../../errors.js';
import { formatBytes, formatDuration } from '../../format.js';
import { isJsonObject } from '../../json.js';
import { openFinishedStage } from '../finished.js';
import type { CommonOptions } from '../options.js';
import { formatTable, formatValue, printJson } from '../output.js';

const filesShown = 20;

/** `quern show RECIPE STAGE`: parameters, inputs, metrics and files of a result. */
export async function show(recipeFile: string, stageName: string, options: CommonOptions): Promise<ExitCode> {
  const { project, stage, record } = await openFinishedStage(recipeFile, stageName, options);
  const entries = project.store.readTree(record.artifact)?.entries ?? [];
  if (options.json) {
    printJson({
      name: stage.name,
      kind: stage.kind.name,
      key: record.key,
      status: 'cached',
      digest: record.artifact,
      durationMs: record.durationMs,
      cpuMs: record.cpuMs,
      peakRssBytes: record.peakRssBytes,
      finishedAt: record.finishedAt,
      metrics: record.metrics,
      gates: checkGates(stage.gates, record.metrics),
      parameters: record.action.parameters,
      inputs: record.action.inputs,
      sources: record.action.sources,
      files: entries,
    });
    return exitCodes.done;
  }
  const facts = [
    ['stage', `${stage.name} (${stage.kind.name}): ${stage.kind.headline(record.metrics)}`],
    ['key', record.key],
    ['artifact', record.artifact],
    [
      'built',
      `${record.finishedAt} in ${formatDuration(record.durationMs)}, CPU ${formatDuration(record.cpuMs)}, peak ${formatBytes(record.peakRssBytes)}`,
    ],
    ...section('parameter', record.action.parameters),
    ...section('input', record.action.inputs),
    ...section('metric', record.metrics),
  ];
  const files = entries.slice(0, filesShown).map((entry) => ['file', `${entry.path} ${formatBytes(entry.sizeBytes)}`]);
  const more = entries.length > filesShown ? [['', `and ${entries.length - filesShown} more files`]] : [];
  process.stdout.write(`${formatTable([...facts, ...files, ...more]).join('\n')}\n`);
  return exitCodes.done;
}

function section(label: string, object: object): string[][] {
  return Object.entries(object)
    .filter(([, value]) => !isJsonObject(value) || Object.keys(value).length > 0)
    .map(([name, value]) => [label, `${name} ${formatValue(value)}`]);
}
