import { ConfigReader } from '../../checkpoints/config-reader.js';
import { QuernError } from '../../errors.js';
import { readJsonObject } from '../../files/json-file.js';
import { type DecoderSizes, readDecoderSizes, type SizeFields } from '../decoder-sizes.js';

/** What is known of an exported model besides its graph. */
export interface ImportFacts {
  readonly architecture: string;
  readonly sizes: DecoderSizes;
  /** The file's fields, for the tokens that begin and end texts. */
  readonly fields: ConfigReader;
}

const [configName, genaiName] = ['config.json', 'genai_config.json'];

/** Whether the sizes of a model may be read from a file of this name. */
export function isGraphConfig(name: string): boolean {
  return name === configName || name === genaiName;
}

/** A file that a model comes with. */
interface NamedFile {
  readonly name: string;
  readonly path: string;
}

/**
 * The sizes of a model from the config.json beside its graph, or else from onnxruntime-genai's genai_config.json. A size
 * that is in neither is refused by name. `where` names the model in messages.
 */
export function readImportFacts(files: readonly NamedFile[], where: string): ImportFacts {
  const pathOf = (wanted: string): string | undefined => files.find(({ name }) => name === wanted)?.path;
  const config = pathOf(configName);
  if (config !== undefined) return factsOfConfig(config);
  const genai = pathOf(genaiName);
  if (genai !== undefined) return factsOfGenai(genai);
  throw new QuernError('input', `${where} has neither config.json nor genai_config.json`, {
    suggestion: 'put the config.json of the model beside its graph: heads, layers and positions are read from it',
  });
}

function factsOfConfig(path: string): ImportFacts {
  const fields = new ConfigReader(readJsonObject(path), path);
  const [architecture] = fields.strings('architectures');
  const names: SizeFields = {
    hidden: firstOf(fields, 'hidden_size', 'n_embd'),
    layers: firstOf(fields, 'num_hidden_layers', 'n_layer'),
    heads: firstOf(fields, 'num_attention_heads', 'n_head'),
    keyValueHeads: 'num_key_value_heads',
    headSize: 'head_dim',
    positions: firstOf(fields, 'max_position_embeddings', 'n_positions'),
  };
  return {
    architecture: architecture ?? fields.string('model_type'),
    sizes: readDecoderSizes(fields, names, {}),
    fields,
  };
}

/** The first name that is a field, or the usual one, which is missed by name when it is read. */
function firstOf(fields: ConfigReader, usual: string, ...others: readonly string[]): string {
  return [usual, ...others].find((name) => fields.has(name)) ?? usual;
}

function factsOfGenai(path: string): ImportFacts {
  const whole = new ConfigReader(readJsonObject(path), path);
  const fields = whole.section('model');
  const decoder = fields?.section('decoder');
  if (fields === undefined || decoder === undefined) throw whole.error('model.decoder', 'is missing');
  const sizes = {
    ...readJsonFields(decoder, ['hidden_size', 'num_hidden_layers', 'num_attention_heads']),
    ...(decoder.has('num_key_value_heads') ? readJsonFields(decoder, ['num_key_value_heads']) : {}),
    ...(decoder.has('head_size') ? { head_dim: decoder.integer('head_size', { min: 1 }) } : {}),
    max_position_embeddings: fields.integer('context_length', { min: 1 }),
    vocab_size: fields.integer('vocab_size', { min: 1 }),
  };
  const names = {
    hidden: 'hidden_size',
    layers: 'num_hidden_layers',
    heads: 'num_attention_heads',
    keyValueHeads: 'num_key_value_heads',
    headSize: 'head_dim',
    positions: 'max_position_embeddings',
  };
  return {
    architecture: fields.string('type'),
    sizes: readDecoderSizes(new ConfigReader(sizes, path), names, {}),
    fields,
  };
}

function readJsonFields(fields: ConfigReader, names: readonly string[]): { readonly [name: string]: number } {
  return Object.fromEntries(names.map((name) => [name, fields.integer(name, { min: 1 })]));
}
