import { QuernError } from '../errors.js';
import type { JsonObject } from '../json.js';
import type { Checkpoint } from './checkpoint.js';
import { isGgufName } from './checkpoint-files.js';
import { type ModelConfig, readModelConfig } from './config.js';
import { openGgufModel } from './gguf-model.js';
import type { GgufTokenizer } from './gguf-tokenizer.js';
import { openCheckpoint } from './open-checkpoint.js';

export const configName = 'config.json';

/** One of the files that a checkpoint comes in. */
export interface CheckpointFile {
  /** Relative to the directory of the checkpoint. */
  readonly name: string;
  readonly path: string;
}

export interface OpenSource {
  readonly config: ModelConfig;
  readonly checkpoint: Checkpoint;
  /** The config.json that has to be written, where it was made from other metadata. */
  readonly configJson?: JsonObject;
  /** The tokenizer inside the file with the weights. */
  readonly tokenizer?: GgufTokenizer;
}

/** Opens the configuration and the weights among the files of a source. `where` names it in messages. */
export function openSource(files: readonly CheckpointFile[], where: string): OpenSource {
  const gguf = files.find(({ name }) => isGgufName(name));
  if (gguf !== undefined) {
    const { config, checkpoint, configJson, tokenizer } = openGgufModel(gguf.path);
    return { config, checkpoint, configJson, ...(tokenizer === undefined ? {} : { tokenizer }) };
  }
  const configFile = files.find(({ name }) => name === configName);
  if (configFile === undefined) {
    throw new QuernError('input', `${where} has no config.json`, {
      suggestion: 'a directory in the layout of Hugging Face transformers is needed',
    });
  }
  return { config: readModelConfig(configFile.path), checkpoint: openCheckpoint(files.map(({ path }) => path)) };
}
