import { QuernError } from '../errors.js';
import { readJsonObject } from '../files/json-file.js';
import type { JsonObject } from '../json.js';
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
 * Fields that transformers and other tools write into any config.json and that don't change what a decoder computes for a
 * text: what concerns training, sampling, other tasks, and how the computation is organised.
 */
export const bookkeepingFields: ReadonlySet<string> = new Set([
  '_attn_implementation',
  '_attn_implementation_autoset',
  '_flash_attn_2_enabled',
  '_from_model_config',
  '_name_or_path',
  'architectures',
  'attention_dropout',
  'auto_map',
  'bos_token_id',
  'cache_implementation',
  'chunk_size_feed_forward',
  'do_sample',
  'dropout',
  'dtype',
  'eos_token_id',
  'finetuning_task',
  'id2label',
  'initializer_range',
  'is_decoder',
  'keys_to_ignore_at_inference',
  'label2id',
  'max_length',
  'model_type',
  'num_labels',
  'output_attentions',
  'output_hidden_states',
  'pad_token_id',
  'problem_type',
  'return_dict',
  'sep_token_id',
  'task_specific_params',
  'temperature',
  'tokenizer_class',
  'top_k',
  'top_p',
  'torch_dtype',
  'torchscript',
  'transformers.js_config',
  'transformers_version',
  'unk_token_id',
  'unsloth_fixed',
  'unsloth_version',
  'use_cache',
]);

/**
 * The configuration in the JSON of a `config.json`, which `path` names in messages. One that does not say what model it
 * describes is a QuernError.
 */
export function parseModelConfig(json: JsonObject, path: string): ModelConfig {
  const fields = new ConfigReader(json, path);
  const architectures = fields.strings('architectures');
  const [architecture] = architectures;
  if (architecture === undefined || architectures.length > 1) {
    throw new QuernError('input', `${path}: architectures must name one architecture, got ${architectures.length}`);
  }
  return { path, architecture, modelType: fields.string('model_type'), fields };
}

/** Reads a `config.json`. One that is missing, not a JSON object or not of a model is a QuernError. */
export function readModelConfig(path: string): ModelConfig {
  return parseModelConfig(readJsonObject(path), path);
}
