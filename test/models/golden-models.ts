import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Checkpoint } from '../../src/checkpoints/checkpoint.js';
import { readModelConfig } from '../../src/checkpoints/config.js';
import { openSafetensors } from '../../src/checkpoints/safetensors.js';
import { writeSafetensors } from '../../src/checkpoints/safetensors-writer.js';
import type { BuildModelOptions, BuiltModel } from '../../src/models/architecture.js';
import { architectureOf } from '../../src/models/registry.js';
import { goldenWeights } from './golden-weights.js';

const goldenDirectory = join(import.meta.dirname, 'golden');

export type Fields = { readonly [field: string]: unknown };

/** What transformers computes for a small model (golden/make.py). */
export interface Golden {
  readonly name: string;
  /** The config.json as it was given, and as transformers 5 saves it. */
  readonly configs: { readonly given: Fields; readonly saved: Fields };
  readonly tokens: readonly number[];
  /** How many of the tokens were read at once. The others came one by one. */
  readonly promptTokens: number;
  /** [tokens, vocabulary] */
  readonly logits: Float32Array;
}

export const goldenNames: readonly string[] = readdirSync(goldenDirectory)
  .filter((name) => name.endsWith('.json'))
  .map((name) => name.slice(0, -'.json'.length));

export function readGolden(name: string): Golden {
  const golden = JSON.parse(readFileSync(join(goldenDirectory, `${name}.json`), 'utf8'));
  const bytes = new Uint8Array(Buffer.from(golden.logits, 'base64'));
  const { config, saved, tokens, promptTokens } = golden;
  return { name, configs: { given: config, saved }, tokens, promptTokens, logits: new Float32Array(bytes.buffer) };
}

/** Writes the weights of a golden model into a directory, which is made. */
export function writeGoldenWeights(directory: string, config: Fields): Checkpoint {
  mkdirSync(directory, { recursive: true });
  const path = join(directory, 'model.safetensors');
  writeSafetensors(path, goldenWeights(config));
  return openSafetensors(path);
}

/** Builds a model of a checkpoint and a config.json, which is written into the directory. */
export function buildModel(
  directory: string,
  config: Fields,
  checkpoint: Checkpoint,
  options: BuildModelOptions = {},
): BuiltModel {
  const path = join(directory, 'config.json');
  writeFileSync(path, JSON.stringify(config));
  const modelConfig = readModelConfig(path);
  return architectureOf(modelConfig).build(modelConfig, checkpoint, options);
}

/** Builds a golden model. Its checkpoint is in the directory, and has to stay while weights are read. */
export function buildGolden(directory: string, config: Fields): BuiltModel {
  return buildModel(directory, config, writeGoldenWeights(directory, config));
}
