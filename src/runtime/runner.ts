import { QuernError } from '../errors.js';
import type { ModelInfo } from '../models/architecture.js';
import type { ModelDirectory } from '../models/model-directory.js';
import { openModelDirectory } from '../models/model-directory.js';
import { openModelTokenizer } from '../models/model-tokenizer.js';
import type { Engine } from '../ort/engine.js';
import { openEngineWithReason } from '../ort/open-engine.js';
import type { Tokenizer } from '../text/tokenizer.js';
import type { Device } from './devices/device.js';
import { FastestDevice } from './devices/fastest.js';
import { openDevices } from './devices/open-devices.js';
import type { DeviceSpec } from './devices/spec.js';
import { type EagerModel, type EagerModelOptions, openEagerModel } from './eager-model.js';

/**
 * How operators are placed. `all-supported`: on the first device, in order of preference, that takes them. `fastest`: on the
 * fastest, for each number of rows.
 */
export type PlacementPolicy = 'all-supported' | 'fastest';

export interface RunnerOptions {
  /** Of a model artifact or an exported model. */
  readonly directory: string;
  readonly devices: readonly DeviceSpec[];
  /** Default: `all-supported`. */
  readonly policy?: PlacementPolicy;
  readonly threads: number;
  /** Whether threads without work wait in a busy loop. Worth it only on an otherwise idle machine. Default: false. */
  readonly spin?: boolean;
  /** Told what is worth knowing about how the model runs, in a line. */
  readonly log: (line: string) => void;
}

/** All that it takes to run a model. */
export interface Runner {
  readonly engine: Engine;
  readonly devices: readonly Device[];
  readonly opened: ModelDirectory;
  readonly tokenizer: Tokenizer;
  /** The tokens that end a text. */
  readonly endTokens: ReadonlySet<number>;
  readonly log: (line: string) => void;
}

/** Opens an engine, devices and a model for the time that `use` takes. */
export async function withRunner<T>(options: RunnerOptions, use: (runner: Runner) => T | Promise<T>): Promise<T> {
  const { directory, threads, spin = false, log } = options;
  const opened = openModelDirectory(directory);
  const tokenizer = openModelTokenizer(opened);
  const { engine, fallbackReason } = await openEngineWithReason({ threads, spin });
  if (fallbackReason !== undefined) log(`slower calls of ONNX Runtime: ${fallbackReason.message}`);
  let devices: readonly Device[] = [];
  try {
    devices = await openDevices(options.devices, engine);
    const chosen = options.policy === 'fastest' ? [new FastestDevice(devices)] : devices;
    return await use({ engine, devices: chosen, opened, tokenizer, endTokens: endTokensOf(opened, tokenizer), log });
  } finally {
    for (const device of devices) device.close();
    engine.close();
  }
}

/** How a model of a runner is opened; what is left out is the runner's own. */
export interface RunnerModelOptions extends Pick<EagerModelOptions, 'granularity' | 'capacity'> {
  readonly engine?: Engine;
  readonly devices?: readonly Device[];
  /** Its graph is changed, so that it can be opened once only. */
  readonly opened?: ModelDirectory;
  readonly strict?: boolean;
}

/** Opens a model on the devices of a runner for the time that `use` takes. */
export async function withEagerModel<T>(
  { engine, devices, opened, log }: Runner,
  options: RunnerModelOptions,
  use: (model: EagerModel) => T | Promise<T>,
): Promise<T> {
  const model = openEagerModel({
    ...{ engine, devices, opened, ...options },
    onFault: ({ operator, device, message }) => log(`${operator} goes back to the CPU: ${device} failed: ${message}`),
  });
  try {
    return await use(model);
  } finally {
    model.close();
  }
}

/**
 * Opens a model that shares tokens with another: a draft or a reference of it.
 * @throws QuernError (`stage`) if its vocabulary has another size
 */
export function openRelated(
  directory: string,
  role: 'draft' | 'reference',
  { vocabularySize }: ModelInfo,
): ModelDirectory {
  const related = openModelDirectory(directory);
  if (related.info.vocabularySize === vocabularySize) return related;
  throw new QuernError(
    'stage',
    `the ${role} has ${related.info.vocabularySize} tokens in its vocabulary, the model ${vocabularySize}`,
    { suggestion: `a ${role} has to share the tokenizer of the model` },
  );
}

function endTokensOf({ info }: ModelDirectory, { eosTokenId }: Tokenizer): ReadonlySet<number> {
  const { eosTokenIds = [] } = info;
  return new Set(eosTokenId === undefined ? eosTokenIds : [eosTokenId, ...eosTokenIds]);
}
