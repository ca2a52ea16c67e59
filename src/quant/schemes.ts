import type { JsonObject } from '../json.js';
import { canonicalJson } from '../json.js';
import type { Int8Granularity } from './int8-weight.js';
import type { NBitsBlock } from './nbits-weight.js';

/** Signed 8-bit weights with zero point 0. `scale` says whose formula makes scale and codes. */
interface Int8Weights<Formula extends 'torch' | 'onnxruntime'> {
  readonly type: 'int8';
  readonly granularity: Int8Granularity;
  readonly symmetric: true;
  readonly scale: Formula;
}

/** Activations quantized at run time with one scale for the whole tensor, found in that tensor. */
interface DynamicActivations<Type extends 'int8' | 'uint8' | 'int16', Symmetric extends boolean> {
  readonly type: Type;
  readonly granularity: 'tensor';
  readonly symmetric: Symmetric;
  readonly dynamic: true;
}

/** Activations quantized at run time with a scale for each token. */
interface TokenActivations {
  readonly type: 'int8';
  readonly granularity: 'token';
  readonly symmetric: true;
  readonly dynamic: true;
}

/** AMD's QLinear: int8 weights times int8 or int16, both symmetric, the sum exact. NPU devices compute it, but for tokens. */
export interface QLinearScheme {
  readonly form: 'qlinear';
  readonly weights: Int8Weights<'torch'>;
  readonly activations: DynamicActivations<'int8' | 'int16', true> | TokenActivations;
}

/** ONNX Runtime's `quantize_dynamic`: DynamicQuantizeLinear and MatMulInteger, uint8 activations with a zero point. */
export interface QOperatorScheme {
  readonly form: 'qoperator';
  readonly weights: Int8Weights<'onnxruntime'>;
  readonly activations: DynamicActivations<'uint8', false>;
}

/** Activations whose scale calibration has fixed, from their largest magnitude. */
interface StaticActivations {
  readonly type: 'int8' | 'uint8';
  readonly granularity: 'tensor';
  readonly symmetric: true;
  readonly dynamic: false;
}

/** ONNX Runtime's `quantize_static`: QuantizeLinear and DequantizeLinear around the activations, and MatMul. */
export interface QdqScheme {
  readonly form: 'qdq';
  readonly weights: Int8Weights<'onnxruntime'>;
  readonly activations: StaticActivations;
}

/** Weights in blocks along the input features, with the formulas of ONNX Runtime's default quantizer. */
export interface BlockWeights {
  readonly type: 'int2' | 'int4' | 'int8';
  readonly granularity: 'group';
  /** Weights that share a scale. */
  readonly group: NBitsBlock;
  readonly symmetric: boolean;
  readonly scale: 'onnxruntime';
}

/** As blocks, with the scales that ONNX Runtime's k_quant finds: slower, and nearer to the weights. */
export interface KQuantWeights extends Omit<BlockWeights, 'type' | 'symmetric' | 'scale'> {
  readonly type: 'int4' | 'int8';
  readonly symmetric: false;
  readonly scale: 'k-quant';
}

/** Weights in groups along the input features, with AMD's bfloat16 scales. 3-bit codes are stored in 4 bits. */
export interface GroupWeights {
  readonly type: 'int2' | 'int3' | 'int4' | 'int8';
  readonly granularity: 'group';
  readonly group: NBitsBlock;
  readonly symmetric: boolean;
  readonly scale: 'amd';
  /** `mse`: ranges are narrowed to where the squared error of the weights is least. */
  readonly clip?: 'mse';
}

/** As groups, with one scale for all weights of an output feature. */
export interface ChannelWeights extends Omit<GroupWeights, 'granularity' | 'group'> {
  readonly granularity: 'channel';
}

/** ONNX Runtime's MatMulNBits: weights of 2 to 8 bits in groups along the input features, float32 activations. */
export interface NBitsScheme {
  readonly form: 'nbits';
  readonly weights: BlockWeights | KQuantWeights | GroupWeights | ChannelWeights;
  readonly activations: { readonly type: 'float32' };
  /**
   * What the kernel may compute in: 0 leaves it to ONNX Runtime, 1 is float32, 4 lets it round the activations of each
   * block to int8 (about twice as fast, and less exact).
   */
  readonly accuracyLevel: 0 | 1 | 4;
}

/** How the weight and the activation of an operator are represented, and which operators stand for it. */
export type Scheme = QLinearScheme | QOperatorScheme | QdqScheme | NBitsScheme;

export type SchemeForm = Scheme['form'];

export const schemeNames = [
  'w8a8',
  'w8a8-channel',
  'w8a8-token',
  'w8a8-ort',
  'w8a8-ort-channel',
  'w8a8-static',
  'w8a16',
  'w4-nbits',
  'w4-g128',
  'w4-g32',
  'w3-g128',
  'w8-g128',
  'w8-g32',
] as const;

export type SchemeName = (typeof schemeNames)[number];

/** A scheme as a recipe gives it. */
export type SchemeChoice = SchemeName | Scheme;

const presets: { readonly [Name in SchemeName]: Scheme } = {
  w8a8: qlinear('tensor', 'int8'),
  'w8a8-channel': qlinear('channel', 'int8'),
  'w8a8-token': {
    ...qlinear('channel', 'int8'),
    activations: { type: 'int8', granularity: 'token', symmetric: true, dynamic: true },
  },
  'w8a8-ort': qoperator('tensor'),
  'w8a8-ort-channel': qoperator('channel'),
  'w8a8-static': {
    form: 'qdq',
    weights: { type: 'int8', granularity: 'channel', symmetric: true, scale: 'onnxruntime' },
    activations: { type: 'int8', granularity: 'tensor', symmetric: true, dynamic: false },
  },
  w8a16: qlinear('tensor', 'int16'),
  'w4-nbits': {
    form: 'nbits',
    weights: { type: 'int4', granularity: 'group', group: 32, symmetric: true, scale: 'onnxruntime' },
    activations: { type: 'float32' },
    accuracyLevel: 0,
  },
  'w4-g128': groups('int4', 128),
  'w4-g32': groups('int4', 32),
  'w3-g128': groups('int3', 128),
  'w8-g128': groups('int8', 128),
  'w8-g32': groups('int8', 32),
};

/** The full description of a scheme. */
export function resolveScheme(choice: SchemeChoice): Scheme {
  return typeof choice === 'string' ? presets[choice] : choice;
}

/** Whether calibration finds the scales of activations. */
export function isStatic({ form }: Scheme): boolean {
  return form === 'qdq';
}

/** The name of the preset that a scheme is, or its full description as text. */
export function schemeText(scheme: Scheme): string {
  const description = descriptionOf(scheme);
  presetNames ??= new Map(schemeNames.map((name) => [descriptionOf(presets[name]), name]));
  return presetNames.get(description) ?? description;
}

/** Of the descriptions of presets. */
let presetNames: ReadonlyMap<string, SchemeName> | undefined;

function descriptionOf(scheme: Scheme): string {
  return canonicalJson(scheme as unknown as JsonObject);
}

function qlinear(granularity: Int8Granularity, activations: 'int8' | 'int16'): QLinearScheme {
  return {
    form: 'qlinear',
    weights: { type: 'int8', granularity, symmetric: true, scale: 'torch' },
    activations: { type: activations, granularity: 'tensor', symmetric: true, dynamic: true },
  };
}

function qoperator(granularity: Int8Granularity): QOperatorScheme {
  return {
    form: 'qoperator',
    weights: { type: 'int8', granularity, symmetric: true, scale: 'onnxruntime' },
    activations: { type: 'uint8', granularity: 'tensor', symmetric: false, dynamic: true },
  };
}

/** AMD's asymmetric groups, computed with float32 activations. */
function groups(type: 'int3' | 'int4' | 'int8', group: NBitsBlock): NBitsScheme {
  return {
    form: 'nbits',
    weights: { type, granularity: 'group', group, symmetric: false, scale: 'amd' },
    activations: { type: 'float32' },
    accuracyLevel: 0,
  };
}
