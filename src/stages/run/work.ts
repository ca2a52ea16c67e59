import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { openModelDirectory, openModelTokenizer } from '../../models/model-directory.js';
import type { Engine } from '../../ort/engine.js';
import { openEngineWithReason } from '../../ort/open-engine.js';
import { parseDeviceName } from '../../runtime/devices/names.js';
import { deviceNamed } from '../../runtime/devices/registry.js';
import { openEagerModel } from '../../runtime/eager-model.js';
import type { WorkContext, WorkResult } from '../kind.js';
import { deviceName } from './kind.js';
import { runMetrics } from './metrics.js';
import { checkMaxLength, neededCapacity, type RunParameters } from './parameters.js';
import { placementPage } from './placement-page.js';
import { encodePrompts } from './prompts.js';
import { runReport } from './report.js';
import { runTasks } from './tasks.js';

/**
 * Runs a model on devices and writes what can be repeated into `report.json` and `placement.md`. Measured times are
 * metrics and never in the artifact; modelled times of the NPU are in both, under names of their own.
 */
export async function run(context: WorkContext<RunParameters>): Promise<WorkResult> {
  const { engine, fallbackReason } = await openEngineWithReason({ threads: context.threads });
  if (fallbackReason !== undefined) context.log(`slower calls of ONNX Runtime: ${fallbackReason.message}`);
  try {
    return runOn(engine, context);
  } finally {
    engine.close();
  }
}

function runOn(engine: Engine, context: WorkContext<RunParameters>): WorkResult {
  const { parameters, outputDirectory } = context;
  const opened = openModelDirectory(context.inputs.model!);
  const { maximumPositions, vocabularySize, eosTokenIds = [] } = opened.info;
  checkMaxLength(parameters, maximumPositions);
  const tokenizer = openModelTokenizer(opened);
  const prompts = encodePrompts(parameters, tokenizer, maximumPositions);
  const devices = parameters.devices.map((device) => deviceNamed(parseDeviceName(deviceName(device))));
  const model = openEagerModel({
    engine,
    opened,
    devices,
    granularity: parameters.granularity,
    capacity: neededCapacity(parameters, prompts, maximumPositions),
  });
  const names = devices.map(({ name }) => name);
  const endTokens = new Set(tokenizer.eosTokenId === undefined ? eosTokenIds : [tokenizer.eosTokenId, ...eosTokenIds]);
  const results = runTasks(context, { engine, model, tokenizer, prompts, vocabularySize, endTokens });
  const report = runReport({ opened, engine, model, devices: names, parameters, prompts, results });
  writeFileSync(join(outputDirectory, 'report.json'), `${JSON.stringify(report, null, 2)}\n`);
  writeFileSync(join(outputDirectory, 'placement.md'), placementPage(model.placement, names));
  return { metrics: runMetrics(names[0] ?? 'cpu', model, prompts, results) };
}
