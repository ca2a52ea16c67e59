import {
  companionsOfGraph,
  findOnnx,
  findWeightFiles,
  isGgufName,
  isOnnxName,
  placeOfGraph,
} from '../../checkpoints/checkpoint-files.js';
import { QuernError } from '../../errors.js';
import { formatBytes, formatCount } from '../../format.js';
import type { JsonObject } from '../../json.js';
import type { SourceRequest, StageKind } from '../kind.js';

const companionFiles =
  /^(config\.json|genai_config\.json|generation_config\.json|tokenizer\.json|tokenizer\.model|tokenizer_config\.json|special_tokens_map\.json|vocab\.json|merges\.txt|chat_template\.jinja)$/;

const formats = ['auto', 'safetensors', 'torch', 'gguf', 'onnx'] as const;
type Format = (typeof formats)[number];

function formatOf(parameters: JsonObject): Format {
  return formats.find((format) => format === parameters.format) ?? 'auto';
}

/** `graph` is the ONNX graph that the source names; its weights and configuration are beside it. */
function selectFiles(names: readonly string[], format: Format, graph: string | undefined): readonly string[] {
  if (graph !== undefined && !names.includes(graph)) throw new QuernError('recipe', `${graph} does not exist`);
  const weights = graph === undefined ? findWeightFiles(names, format) : findOnnx(names, graph);
  if (weights === undefined && format !== 'auto') {
    throw new QuernError('recipe', `there are no weights of the format ${format}`, {
      suggestion: 'leave `format` out to take what is there',
    });
  }
  const isCompanion = (name: string): boolean => companionFiles.test(name);
  if (weights?.format !== 'onnx') return [...names.filter(isCompanion), ...(weights?.names ?? [])];
  return [...companionsOfGraph(names, weights.main, isCompanion), ...weights.names];
}

/** Where the files of a source are, and which of them are read. */
function placeOf(source: string, format: Format): Pick<SourceRequest, 'path' | 'select'> {
  const place = isOnnxName(source) && !source.startsWith('url:') ? placeOfGraph(source) : undefined;
  return {
    path: place?.directory ?? source,
    select: (names) => selectFiles(names, format, place?.graph),
  };
}

export const loadKind: StageKind = {
  name: 'load',
  version: 3,
  summary: 'Reads a checkpoint or an exported graph and builds the float32 graph of the model',
  produces: 'model',
  parameters: {
    type: 'object',
    properties: {
      source: {
        type: 'string',
        minLength: 1,
        description:
          'A checkpoint in the Hugging Face layout, a GGUF file or an ONNX graph: a path, hf:organisation/name@revision, or url: for one file',
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
  cores: 'all',
  // The content that is read says which format and hash it has.
  cosmetic: ['format', 'sha256'],
  sources: (parameters) => [
    {
      pointer: ['source'],
      ...placeOf(String(parameters.source), formatOf(parameters)),
      isWhole: isGgufName,
      ...(typeof parameters.sha256 === 'string' ? { sha256: parameters.sha256 } : {}),
    },
  ],
  headline: (metrics) =>
    `${formatCount(metrics.parameters)} parameters, ${metrics.architecture}, ${metrics.layers} layers, ${formatBytes(metrics.bytes)}`,
  load: async () => (await import('./work.js')).loadModel,
};
