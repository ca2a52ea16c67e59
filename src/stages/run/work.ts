import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { openModelDirectory, openModelTokenizer } from '../../models/model-directory.js';
import type { Engine } from '../../ort/engine.js';
import { openEngineWithReason } from '../../ort/open-engine.js';
import type { Device } from '../../runtime/devices/device.js';
import { openDevices } from '../../runtime/devices/open-devices.js';
import { openEagerModel } from '../../runtime/eager-model.js';
import type { WorkContext, WorkResult } from '../kind.js';
import { deviceSpecs } from './devices.js';
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
  let devices: readonly Device[] = [];
  try {
    devices = await openDevices(deviceSpecs(context.parameters.devices, context.sources), engine);
    return runOn(engine, devices, context);
  } finally {
    for (const device of devices) device.close();
    engine.close();
  }
}

function runOn(engine: Engine, devices: readonly Device[], context: WorkContext<RunParameters>): WorkResult {
  const { parameters, outputDirectory } = context;
  const opened = openModelDirectory(context.inputs.model!);
  const { maximumPositions, vocabularySize, eosTokenIds = [] } = opened.info;
  checkMaxLength(parameters, maximumPositions);
  const tokenizer = openModelTokenizer(opened);
  const prompts = encodePrompts(parameters, tokenizer, maximumPositions);
  const model = openEagerModel({
    engine,
    opened,
    devices,
    granularity: parameters.granularity,
    capacity: neededCapacity(parameters, prompts, maximumPositions),
    strict: parameters.strict,
    onFault: ({ operator, device, message }) =>
      context.log(`${operator} goes back to the CPU: ${device} failed: ${message}`),
  });
  try {
    const names = devices.map(({ name }) => name);
    const ends = tokenizer.eosTokenId === undefined ? eosTokenIds : [tokenizer.eosTokenId, ...eosTokenIds];
    const subjects = { engine, model, tokenizer, prompts, vocabularySize, endTokens: new Set(ends) };
    const results = runTasks(context, subjects);
    const report = runReport({ opened, engine, model, devices: names, parameters, prompts, results });
    writeFileSync(join(outputDirectory, 'report.json'), `${JSON.stringify(report, null, 2)}\n`);
    writeFileSync(join(outputDirectory, 'placement.md'), placementPage(model.placement, names, model.faults));
    return { metrics: runMetrics(names[0] ?? 'cpu', model, prompts, results) };
  } finally {
    model.close();
  }
}
