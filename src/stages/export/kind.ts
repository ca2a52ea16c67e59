import { formatBytes } from '../../format.js';
import type { StageKind } from '../kind.js';

export const exportKind: StageKind = {
  name: 'export',
  version: 1,
  summary: 'Writes a model as a directory that other tools open',
  produces: 'exported',
  parameters: {
    type: 'object',
    properties: {
      format: { enum: ['onnx'], default: 'onnx' },
      layout: {
        enum: ['plain'],
        default: 'plain',
        description: 'Names and files that the reader of the model expects',
      },
      attention: {
        enum: ['gqa', 'onnx'],
        default: 'gqa',
        description:
          'Attention as GroupQueryAttention of ONNX Runtime, or as the Attention operator of the ONNX standard',
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
