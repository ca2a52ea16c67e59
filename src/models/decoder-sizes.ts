import type { ConfigReader } from '../checkpoints/config-reader.js';
import type { BuildModelOptions, ModelInfo } from './architecture.js';
import { sizeLimits } from './size-limits.js';

/** Sizes that every decoder has. */
export interface DecoderSizes {
  readonly vocabulary: number;
  readonly hidden: number;
  /** How many decoder layers are built. */
  readonly layers: number;
  readonly heads: number;
  readonly keyValueHeads: number;
  readonly headSize: number;
  readonly positions: number;
}

/** What the fields of the sizes are called in a config.json. Sizes without a field follow from others. */
export interface SizeFields {
  readonly hidden: string;
  readonly layers: string;
  readonly heads: string;
  readonly keyValueHeads?: string;
  readonly headSize?: string;
  readonly positions: string;
}

export const usualSizeFields = {
  hidden: 'hidden_size',
  layers: 'num_hidden_layers',
  heads: 'num_attention_heads',
  positions: 'max_position_embeddings',
} as const satisfies SizeFields;

/** The fields of decoders whose heads can have a size of their own and share keys and values. */
export const groupedSizeFields = {
  ...usualSizeFields,
  keyValueHeads: 'num_key_value_heads',
  headSize: 'head_dim',
} as const satisfies SizeFields;

/** GroupQueryAttention of ONNX Runtime takes no other sizes of heads. */
const headSizeStep = 8;

/** Reads and checks the sizes of a decoder. Fields that name no size of their own are refused elsewhere. */
export function readDecoderSizes(fields: ConfigReader, names: SizeFields, options: BuildModelOptions): DecoderSizes {
  const hidden = fields.integer(names.hidden, { min: 1, max: sizeLimits.hiddenSize });
  const heads = fields.integer(names.heads, { min: 1, max: sizeLimits.heads });
  const keyValueHeads =
    names.keyValueHeads === undefined
      ? heads
      : fields.integer(names.keyValueHeads, { min: 1, max: sizeLimits.heads, default: heads });
  if (heads % keyValueHeads !== 0) {
    throw fields.error(names.heads, `must be a multiple of the ${keyValueHeads} key-value heads, not ${heads}`);
  }
  return {
    vocabulary: fields.integer('vocab_size', { min: 1, max: sizeLimits.vocabularySize }),
    hidden,
    layers: readLayers(fields, names.layers, options),
    heads,
    keyValueHeads,
    headSize: readHeadSize(fields, names, hidden, heads),
    positions: fields.integer(names.positions, { min: 1, max: sizeLimits.maximumPositions }),
  };
}

function readLayers(fields: ConfigReader, name: string, options: BuildModelOptions): number {
  const layers = fields.integer(name, { min: 1, max: sizeLimits.layers });
  const wanted = options.layers ?? layers;
  if (wanted <= layers) return wanted;
  throw fields.error(name, `is ${layers}; the recipe asks for the first ${wanted} layers`);
}

function readHeadSize(fields: ConfigReader, names: SizeFields, hidden: number, heads: number): number {
  const given = names.headSize !== undefined && fields.has(names.headSize);
  if (!given && hidden % heads !== 0) {
    throw fields.error(names.hidden, `must be a multiple of ${names.heads} (${heads})`);
  }
  const headSize =
    names.headSize === undefined
      ? hidden / heads
      : fields.integer(names.headSize, { min: 1, max: sizeLimits.headSize, default: hidden / heads });
  if (headSize % headSizeStep === 0) return headSize;
  throw fields.error(
    given && names.headSize !== undefined ? names.headSize : names.heads,
    `makes heads of ${headSize}; attention kernels need a multiple of ${headSizeStep}`,
  );
}

/** Refuses what makes a decoder read the output of an encoder. */
export function requireDecoderOnly(fields: ConfigReader): void {
  for (const name of ['is_encoder_decoder', 'add_cross_attention', 'tie_encoder_decoder']) fields.require(name, false);
}

/** What is known of a model with these sizes. */
export function modelInfoOf({ architecture }: { readonly architecture: string }, sizes: DecoderSizes): ModelInfo {
  return {
    architecture,
    vocabularySize: sizes.vocabulary,
    hiddenSize: sizes.hidden,
    layers: sizes.layers,
    heads: sizes.heads,
    keyValueHeads: sizes.keyValueHeads,
    headSize: sizes.headSize,
    maximumPositions: sizes.positions,
  };
}
