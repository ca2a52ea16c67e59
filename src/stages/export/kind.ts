import { formatBytes } from '../../format.js';
import type { StageKind } from '../kind.js';
import { layoutNames } from './layout-names.js';
import { exportOpsets } from './opset.js';

export const exportKind: StageKind = {
  name: 'export',
  version: 3,
  summary: 'Writes a model as a directory that other tools open',
  produces: 'exported',
  parameters: {
    type: 'object',
    properties: {
      format: { enum: ['onnx'], default: 'onnx' },
      layout: {
        enum: layoutNames,
        default: 'plain',
        description: 'Names and files that the reader of the model expects',
      },
      attention: {
        enum: ['gqa', 'onnx'],
        default: 'gqa',
        description:
          'Attention as GroupQueryAttention of ONNX Runtime, or as the Attention operator of the ONNX standard',
      },
      form: {
        enum: ['qoperator', 'nbits', 'qdq', 'float'],
        description:
          'Operators of quantized products: MatMulInteger, MatMulNBits, DequantizeLinear and MatMul, or MatMul with dequantized weights. Not given: as the model has them',
      },
      fuse: {
        type: 'boolean',
        description: 'Makes one product of those that read the same activations, as queries, keys and values do',
      },
      accuracyLevel: {
        enum: [0, 1, 4],
        description:
          'What MatMulNBits computes in: 0 as ONNX Runtime chooses, 1 float32, 4 int8 activations. Not given: as the model has it',
      },
      opset: {
        enum: exportOpsets,
        description: 'Opset of ONNX that the model declares. Not given: that of the model',
      },
      to: { type: 'string', minLength: 1, description: 'Directory that gets a copy after each build' },
    },
    additionalProperties: false,
  },
  inputs: { model: { accepts: ['model'], required: true } },
  cosmetic: ['to'],
  cores: 'one',
  destination: ({ to }) => (typeof to === 'string' ? { pointer: ['to'], path: to } : undefined),
  headline: (metrics) =>
    `${formatBytes(metrics.bytes)} (was ${formatBytes(metrics.inputBytes)} in ${metrics.inputFiles} files)`,
  load: async () => (await import('./work.js')).exportModel,
};
