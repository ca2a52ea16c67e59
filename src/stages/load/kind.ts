import { findWeightFiles, isGgufName } from '../../checkpoints/checkpoint-files.js';
import { QuernError } from '../../errors.js';
import { formatBytes, formatCount } from '../../format.js';
import type { JsonObject } from '../../json.js';
import type { StageKind } from '../kind.js';

const companionFiles =
  /^(config\.json|generation_config\.json|tokenizer\.json|tokenizer\.model|tokenizer_config\.json|special_tokens_map\.json|vocab\.json|merges\.txt|chat_template\.jinja)$/;

const formats = ['auto', 'safetensors', 'torch', 'gguf'] as const;
type Format = (typeof formats)[number];

function formatOf(parameters: JsonObject): Format {
  return formats.find((format) => format === parameters.format) ?? 'auto';
}

function selectFiles(names: readonly string[], format: Format): readonly string[] {
  const weights = findWeightFiles(names, format);
  if (weights === undefined && format !== 'auto') {
    throw new QuernError('recipe', `there are no weights of the format ${format}`, {
      suggestion: 'leave `format` out to take what is there',
    });
  }
  return [...names.filter((name) => companionFiles.test(name)), ...(weights?.names ?? [])];
}

export const loadKind: StageKind = {
  name: 'load',
  version: 2,
  summary: 'Reads a checkpoint and builds the float32 graph of its architecture',
  produces: 'model',
  parameters: {
    type: 'object',
    properties: {
      source: {
        type: 'string',
        minLength: 1,
        description:
          'A checkpoint in the Hugging Face layout or a GGUF file: a path, hf:organisation/name@revision, or url: for one file',
      },
      sha256: { type: 'string', pattern: '^[0-9a-f]{64}$', description: 'Of a url: the sha256 of the file' },
      format: { enum: formats, default: 'auto', description: 'Format of the weights' },
      dtype: { enum: ['float32'], default: 'float32', description: 'Data type the weights are converted to' },
      layers: { type: 'integer', minimum: 1, description: 'Only the first N decoder layers are kept' },
    },
    required: ['source'],
    additionalProperties: false,
  },
  inputs: {},
  cores: 'one',
  // The content that is read says which format and hash it has.
  cosmetic: ['format', 'sha256'],
  sources: (parameters) => [
    {
      pointer: ['source'],
      path: String(parameters.source),
      select: (names) => selectFiles(names, formatOf(parameters)),
      isWhole: isGgufName,
      ...(typeof parameters.sha256 === 'string' ? { sha256: parameters.sha256 } : {}),
    },
  ],
  headline: (metrics) =>
    `${formatCount(metrics.parameters)} parameters, ${metrics.architecture}, ${metrics.layers} layers, ${formatBytes(metrics.bytes)}`,
  load: async () => (await import('./work.js')).loadModel,
};
