import { formatBytes, formatCount } from '../../format.js';
import type { StageKind } from '../kind.js';

const checkpointFiles =
  /^(config\.json|generation_config\.json|model\.safetensors|model\.safetensors\.index\.json|model-\d+-of-\d+\.safetensors|tokenizer\.json|tokenizer_config\.json|special_tokens_map\.json|vocab\.json|merges\.txt|chat_template\.jinja)$/;

export const loadKind: StageKind = {
  name: 'load',
  version: 2,
  summary: 'Reads a checkpoint and builds the float32 graph of its architecture',
  produces: 'model',
  parameters: {
    type: 'object',
    properties: {
      source: { type: 'string', minLength: 1, description: 'Directory of a checkpoint in the Hugging Face layout' },
      format: { enum: ['auto', 'safetensors'], default: 'auto', description: 'Format of the weights' },
      dtype: { enum: ['float32'], default: 'float32', description: 'Data type the weights are converted to' },
      layers: { type: 'integer', minimum: 1, description: 'Only the first N decoder layers are kept' },
    },
    required: ['source'],
    additionalProperties: false,
  },
  inputs: {},
  cores: 'one',
  normalise: (parameters) => ({ ...parameters, format: 'safetensors' }),
  sources: (parameters) => [
    {
      pointer: ['source'],
      path: String(parameters.source),
      select: (names) => names.filter((name) => checkpointFiles.test(name)),
    },
  ],
  headline: (metrics) =>
    `${formatCount(metrics.parameters)} parameters, ${metrics.architecture}, ${metrics.layers} layers, ${formatBytes(metrics.bytes)}`,
  load: async () => (await import('./work.js')).loadModel,
};
