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

const nbits = {
  type: 'object',
  description: "ONNX Runtime's MatMulNBits: 4-bit weights in blocks, float32 activations",
  additionalProperties: false,
  required: ['form', 'weights', 'activations', 'accuracyLevel'],
  properties: {
    form: { const: 'nbits' },
    weights: {
      type: 'object',
      additionalProperties: false,
      required: ['type', 'granularity', 'group', 'symmetric', 'scale'],
      properties: {
        type: { const: 'int4' },
        granularity: { const: 'group' },
        group: { enum: nbitsBlocks },
        symmetric: { type: 'boolean' },
        scale: { const: 'onnxruntime' },
      },
    },
    activations: {
      type: 'object',
      additionalProperties: false,
      required: ['type'],
      properties: { type: { const: 'float32' } },
    },
    accuracyLevel: { enum: [0, 1, 4] },
  },
} as const satisfies JSONSchema;

/** JSON Schema of a `SchemeChoice`: the name of a preset or a full description. */
export const schemeSchema = {
  description: 'How weights and activations are represented: a preset, or all of it spelled out',
  anyOf: [{ type: 'string', enum: schemeNames }, qlinear, qoperator, nbits],
} as const satisfies JSONSchema;
