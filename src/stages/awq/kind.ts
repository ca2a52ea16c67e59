import { nbitsBlocks } from '../../quant/nbits-weight.js';
import { datasetSchema } from '../dataset-schema.js';
import type { StageKind } from '../kind.js';
import { layerwiseKind } from '../layerwise/layerwise-kind.js';

export const awqKind: StageKind = {
  ...layerwiseKind,
  name: 'awq',
  version: 2,
  summary: 'Scales and clips the weights of linear layers so that groups of few bits lose less (AWQ)',
  produces: 'model',
  parameters: {
    type: 'object',
    properties: {
      dataset: datasetSchema,
      bits: { enum: [2, 3, 4, 8], default: 4, description: 'Bits of the codes the weights will get' },
      group: {
        anyOf: [{ enum: nbitsBlocks }, { const: 'channel' }],
        default: 128,
        description: 'Input features that will share a scale',
      },
      symmetric: { type: 'boolean', default: false, description: 'Whether the codes will have no zero points' },
      grid: { type: 'integer', minimum: 1, maximum: 1000, default: 20, description: 'Scale ratios that are tried' },
      clip: { type: 'boolean', default: true, description: 'Whether outliers of the weights are clipped' },
    },
    required: ['dataset'],
    additionalProperties: false,
  },
  headline: (metrics) =>
    `${metrics.groups} groups scaled, ${metrics.clippedLayers} layers clipped, for ${metrics.bits} bits in groups of ${metrics.group}`,
  load: async () => (await import('./work.js')).awq,
};
