import type { JSONSchema } from 'json-schema-to-ts';
import { nbitsBlocks } from './nbits-weight.js';
import { schemeNames } from './schemes.js';

const qlinear = {
  type: 'object',
  description: "AMD's QLinear: int8 weights, int8 or int16 activations, both symmetric",
  additionalProperties: false,
  required: ['form', 'weights', 'activations'],
  properties: {
    form: { const: 'qlinear' },
    weights: {
      type: 'object',
      additionalProperties: false,
      required: ['type', 'granularity', 'symmetric', 'scale'],
      properties: {
        type: { const: 'int8' },
        granularity: { enum: ['tensor', 'channel'] },
        symmetric: { const: true },
        scale: { const: 'torch' },
      },
    },
    activations: {
      anyOf: [
        {
          type: 'object',
          additionalProperties: false,
          required: ['type', 'granularity', 'symmetric', 'dynamic'],
          properties: {
            type: { enum: ['int8', 'int16'] },
            granularity: { const: 'tensor' },
            symmetric: { const: true },
            dynamic: { const: true },
          },
        },
        {
          type: 'object',
          description: 'A scale for each token',
          additionalProperties: false,
          required: ['type', 'granularity', 'symmetric', 'dynamic'],
          properties: {
            type: { const: 'int8' },
            granularity: { const: 'token' },
            symmetric: { const: true },
            dynamic: { const: true },
          },
        },
      ],
    },
  },
} as const satisfies JSONSchema;

const qoperator = {
  type: 'object',
  description: "ONNX Runtime's quantize_dynamic: int8 weights, uint8 activations with a zero point",
  additionalProperties: false,
  required: ['form', 'weights', 'activations'],
  properties: {
    form: { const: 'qoperator' },
    weights: {
      type: 'object',
      additionalProperties: false,
      required: ['type', 'granularity', 'symmetric', 'scale'],
      properties: {
        type: { const: 'int8' },
        granularity: { enum: ['tensor', 'channel'] },
        symmetric: { const: true },
        scale: { const: 'onnxruntime' },
      },
    },
    activations: {
      type: 'object',
      additionalProperties: false,
      required: ['type', 'granularity', 'symmetric', 'dynamic'],
      properties: {
        type: { const: 'uint8' },
        granularity: { const: 'tensor' },
        symmetric: { const: false },
        dynamic: { const: true },
      },
    },
  },
} as const satisfies JSONSchema;

const qdq = {
  type: 'object',
  description:
    "ONNX Runtime's quantize_static: int8 weights, activations with a scale that calibration finds (`stats`)",
  additionalProperties: false,
  required: ['form', 'weights', 'activations'],
  properties: {
    form: { const: 'qdq' },
    weights: qoperator.properties.weights,
    activations: {
      type: 'object',
      additionalProperties: false,
      required: ['type', 'granularity', 'symmetric', 'dynamic'],
      properties: {
        type: { enum: ['int8', 'uint8'] },
        granularity: { const: 'tensor' },
        symmetric: { const: true },
        dynamic: { const: false },
      },
    },
  },
} as const satisfies JSONSchema;

const blockWeights = {
  type: 'object',
  description: "ONNX Runtime's default quantizer",
  additionalProperties: false,
  required: ['type', 'granularity', 'group', 'symmetric', 'scale'],
  properties: {
    type: { enum: ['int2', 'int4', 'int8'] },
    granularity: { const: 'group' },
    group: { enum: nbitsBlocks },
    symmetric: { type: 'boolean' },
    scale: { const: 'onnxruntime' },
  },
} as const satisfies JSONSchema;

const kQuantWeights = {
  type: 'object',
  description: "ONNX Runtime's k_quant: slower, and nearer to the weights",
  additionalProperties: false,
  required: ['type', 'granularity', 'group', 'symmetric', 'scale'],
  properties: {
    type: { enum: ['int4', 'int8'] },
    granularity: { const: 'group' },
    group: { enum: nbitsBlocks },
    symmetric: { const: false },
    scale: { const: 'k-quant' },
  },
} as const satisfies JSONSchema;

const groupBits = { enum: ['int2', 'int3', 'int4', 'int8'] } as const;
const clip = {
  const: 'mse',
  description: 'Narrows ranges to where the squared error of the weights is least',
} as const;

const groupWeights = {
  type: 'object',
  description: "AMD's groups with bfloat16 scales",
  additionalProperties: false,
  required: ['type', 'granularity', 'group', 'symmetric', 'scale'],
  properties: {
    type: groupBits,
    granularity: { const: 'group' },
    group: { enum: nbitsBlocks },
    symmetric: { type: 'boolean' },
    scale: { const: 'amd' },
    clip,
  },
} as const satisfies JSONSchema;

const channelWeights = {
  type: 'object',
  description: "AMD's scales, one for each output feature",
  additionalProperties: false,
  required: ['type', 'granularity', 'symmetric', 'scale'],
  properties: {
    type: groupBits,
    granularity: { const: 'channel' },
    symmetric: { type: 'boolean' },
    scale: { const: 'amd' },
    clip,
  },
} as const satisfies JSONSchema;

const nbits = {
  type: 'object',
  description: "ONNX Runtime's MatMulNBits: weights of 2 to 8 bits in groups, float32 activations",
  additionalProperties: false,
  required: ['form', 'weights', 'activations', 'accuracyLevel'],
  properties: {
    form: { const: 'nbits' },
    weights: { anyOf: [blockWeights, kQuantWeights, groupWeights, channelWeights] },
    activations: {
      type: 'object',
      additionalProperties: false,
      required: ['type'],
      properties: { type: { const: 'float32' } },
    },
    accuracyLevel: { enum: [0, 1, 4] },
  },
} as const satisfies JSONSchema;

/** Schemas of full descriptions. */
export const descriptions = [qlinear, qoperator, qdq, nbits] as const;

/** JSON Schema of a `SchemeChoice`: the name of a preset or a full description. */
export const schemeSchema = {
  description: 'How weights and activations are represented: a preset, or all of it spelled out',
  anyOf: [{ type: 'string', enum: schemeNames }, ...descriptions],
} as const satisfies JSONSchema;
