import type { Checkpoint } from '../checkpoints/checkpoint.js';
import { bookkeepingFields, type ModelConfig } from '../checkpoints/config.js';
import type { ConfigReader } from '../checkpoints/config-reader.js';
import { type Activation, readActivation } from './activation.js';
import type { Architecture } from './architecture.js';
import { groupedSizeFields, modelInfoOf, readDecoderSizes, requireDecoderOnly } from './decoder-sizes.js';
import { buildGatedDecoder, type GatedDecoder, type Projection } from './gated-decoder.js';
import { readRotary } from './rotary-config.js';
import { sizeLimits } from './size-limits.js';

/** What all decoders of the kind have, as their config.json says it. */
export type CommonDescription = Pick<
  GatedDecoder,
  'name' | 'sizes' | 'feedForward' | 'normEpsilon' | 'activation' | 'rotary' | 'isTied'
>;

/** What makes one family of gated decoders differ from the others. */
export interface GatedFamily {
  /** Class of transformers. */
  readonly architecture: string;
  /** Name of the graph. */
  readonly name: string;
  /** The field with the activation, and what it is without the field. */
  readonly activation: { readonly field: string; readonly usual: Activation };
  /** Whether the head is the token embedding if the config.json does not say it. */
  readonly isTied: boolean;
  /** Fields of its own that don't change what is computed. */
  readonly harmlessFields: readonly string[];
  /** Reads what is its own. All other fields are read already. */
  describe(fields: ConfigReader, common: CommonDescription): Omit<GatedDecoder, keyof CommonDescription>;
}

/** The architecture of a family of gated decoders. */
export function gatedArchitecture(family: GatedFamily): Architecture {
  const harmless = new Set([...bookkeepingFields, ...family.harmlessFields]);
  return {
    names: [family.architecture],
    build(config: ModelConfig, checkpoint: Checkpoint, options) {
      const { fields } = config;
      const common = readCommon(family, fields, options);
      const decoder = { ...common, ...family.describe(fields, common) };
      fields.refuseUnread(harmless);
      const info = { ...modelInfoOf(config, decoder.sizes), ...windowInfo(decoder) };
      return { model: buildGatedDecoder(decoder, checkpoint), info };
    },
  };
}

function readCommon(
  { name, activation, isTied }: GatedFamily,
  fields: ConfigReader,
  options: { readonly layers?: number },
): CommonDescription {
  requireDecoderOnly(fields);
  const sizes = readDecoderSizes(fields, groupedSizeFields, options);
  const rotary = readRotary(fields, sizes.headSize, sizes.positions);
  return {
    name,
    sizes: { ...sizes, positions: rotary.positions },
    feedForward: fields.integer('intermediate_size', { min: 1, max: sizeLimits.feedForward }),
    normEpsilon: fields.number('rms_norm_eps', { default: 1e-6 }),
    activation: readActivation(fields, activation.field, activation.usual),
    rotary,
    isTied: fields.boolean('tie_word_embeddings', { default: isTied }),
  };
}

function windowInfo({ windowOf, sizes }: GatedDecoder): { readonly slidingWindow?: number } {
  const layers = Array.from({ length: sizes.layers }, (_, layer) => windowOf?.(layer));
  const window = layers.find((size) => size !== undefined);
  return window === undefined ? {} : { slidingWindow: window };
}

/** The linear layers with a bias, given whether those of the attention have one. */
export function attentionBiases(hasBias: boolean): ReadonlySet<Projection> {
  return new Set(hasBias ? ['self_attn.q_proj', 'self_attn.k_proj', 'self_attn.v_proj', 'self_attn.o_proj'] : []);
}

const layerTypes = ['full_attention', 'sliding_attention'];

/**
 * Which layers see a window of `size` tokens only: those that `layer_types` names, if the field is there, else those of
 * which `usual` says so.
 */
export function readWindows(
  fields: ConfigReader,
  size: number | undefined,
  usual: (layer: number) => boolean,
): (layer: number) => number | undefined {
  if (!fields.has('layer_types')) return (layer) => (usual(layer) ? size : undefined);
  const types = fields.strings('layer_types');
  const layers = fields.integer('num_hidden_layers', { min: 1 });
  if (types.length !== layers || !types.every((type) => layerTypes.includes(type))) {
    throw fields.error('layer_types', `must be ${layers} times ${layerTypes.join(' or ')}`);
  }
  if (size === undefined && types.includes('sliding_attention')) {
    throw fields.error('layer_types', 'has sliding_attention, but there is no sliding_window');
  }
  return (layer) => (types[layer] === 'sliding_attention' ? size : undefined);
}

/** `sliding_window`, which null turns off. Without the field it is `usual`. */
export function readSlidingWindow(fields: ConfigReader, usual: number | undefined): number | undefined {
  if (fields.isNull('sliding_window')) return undefined;
  return fields.has('sliding_window') ? fields.integer('sliding_window', { min: 1 }) : usual;
}
