import type { ModelDirectory } from '../models/model-directory.js';
import { openModelDirectory, openModelTokenizer } from '../models/model-directory.js';
import type { Engine } from '../ort/engine.js';
import { openEngineWithReason } from '../ort/open-engine.js';
import type { Tokenizer } from '../text/tokenizer.js';
import type { Device } from './devices/device.js';
import { openDevices } from './devices/open-devices.js';
import type { DeviceSpec } from './devices/spec.js';
import { type EagerModel, type EagerModelOptions, openEagerModel } from './eager-model.js';
import type { Granularity } from './partition.js';

export interface RunnerOptions {
  /** Of a model artifact or an exported model. */
  readonly directory: string;
  readonly devices: readonly DeviceSpec[];
  readonly threads: number;
  /** Told what is worth knowing about how the model runs, in a line. */
  readonly log: (line: string) => void;
}

/** How a model of a runner is opened. */
export interface RunnerModelOptions {
  readonly granularity: Granularity;
  readonly capacity: number;
  readonly strict?: boolean;
}

/** All that it takes to run a model. */
export interface Runner {
  readonly engine: Engine;
  readonly devices: readonly Device[];
  readonly opened: ModelDirectory;
  readonly tokenizer: Tokenizer;
  /** The tokens that end a text. */
  readonly endTokens: ReadonlySet<number>;
  /** Opens the model for the time that `use` takes. Once: its graph is changed. */
  withModel<T>(options: RunnerModelOptions, use: (model: EagerModel) => T | Promise<T>): Promise<T>;
}

/** Opens an engine, devices and a model for the time that `use` takes. */
export async function withRunner<T>(options: RunnerOptions, use: (runner: Runner) => T | Promise<T>): Promise<T> {
  const opened = openModelDirectory(options.directory);
  const tokenizer = openModelTokenizer(opened);
  const { engine, fallbackReason } = await openEngineWithReason({ threads: options.threads });
  if (fallbackReason !== undefined) options.log(`slower calls of ONNX Runtime: ${fallbackReason.message}`);
  let devices: readonly Device[] = [];
  try {
    devices = await openDevices(options.devices, engine);
    const parts = { engine, devices, opened, tokenizer, endTokens: endTokensOf(opened, tokenizer) };
    return await use({
      ...parts,
      withModel: (model, useModel) => withModel({ ...parts, ...model }, options.log, useModel),
    });
  } finally {
    for (const device of devices) device.close();
    engine.close();
  }
}

async function withModel<T>(
  options: Omit<EagerModelOptions, 'onFault'>,
  log: (line: string) => void,
  use: (model: EagerModel) => T | Promise<T>,
): Promise<T> {
  const model = openEagerModel({
    ...options,
    onFault: ({ operator, device, message }) => log(`${operator} goes back to the CPU: ${device} failed: ${message}`),
  });
  try {
    return await use(model);
  } finally {
    model.close();
  }
}

function endTokensOf({ info }: ModelDirectory, { eosTokenId }: Tokenizer): ReadonlySet<number> {
  const { eosTokenIds = [] } = info;
  return new Set(eosTokenId === undefined ? eosTokenIds : [eosTokenId, ...eosTokenIds]);
}
