import { QuernError } from '../errors.js';
import { readJsonObject } from '../files/json-file.js';
import { ConfigReader } from './config-reader.js';

/** The `config.json` of a model in the layout of Hugging Face transformers. */
export interface ModelConfig {
  readonly path: string;
  /** Class of the model, for example `OPTForCausalLM`. */
  readonly architecture: string;
  /** Family of the model, for example `opt`. */
  readonly modelType: string;
  readonly fields: ConfigReader;
}

/**
 * Fields that transformers writes into any config.json and that don't change what a language model computes for a text.
 */
export const bookkeepingFields: ReadonlySet<string> = new Set([
  '_attn_implementation_autoset',
  '_from_model_config',
  '_name_or_path',
  'architectures',
  'attention_dropout',
  'bos_token_id',
  'dropout',
  'dtype',
  'eos_token_id',
  'initializer_range',
  'model_type',
  'pad_token_id',
  'torch_dtype',
  'transformers_version',
  'use_cache',
]);

/**
 * Reads a `config.json`. One that is missing, not a JSON object or does not say what model it describes is a
 * QuernError.
 */
export function readModelConfig(path: string): ModelConfig {
  const fields = new ConfigReader(readJsonObject(path), path);
  const architectures = fields.strings('architectures');
  const [architecture] = architectures;
  if (architecture === undefined || architectures.length > 1) {
    throw new QuernError('input', `${path}: architectures must name one architecture, got ${architectures.length}`);
  }
  return { path, architecture, modelType: fields.string('model_type'), fields };
}
