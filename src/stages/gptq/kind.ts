import { nbitsBlocks } from '../../quant/nbits-weight.js';
import { datasetSchema } from '../dataset-schema.js';
import type { StageKind } from '../kind.js';
import { outputErrorText } from '../layerwise/largest-errors.js';
import { layerwiseKind } from '../layerwise/layerwise-kind.js';

export const gptqKind: StageKind = {
  ...layerwiseKind,
  name: 'gptq',
  version: 3,
  summary: 'Quantizes the linear layers of decoder layers feature by feature, correcting those that follow (GPTQ)',
  produces: 'model',
  parameters: {
    type: 'object',
    properties: {
      dataset: datasetSchema,
      bits: { enum: [2, 3, 4, 8], default: 4, description: 'Bits of the codes' },
      group: {
        anyOf: [{ enum: nbitsBlocks }, { const: 'channel' }],
        default: 128,
        description: 'Input features that share a scale',
      },
      symmetric: { type: 'boolean', default: false, description: 'Whether the codes have no zero points' },
      damp: {
        type: 'number',
        exclusiveMinimum: 0,
        maximum: 1,
        default: 0.01,
        description: 'Added to the diagonal of the second moments, as a share of its mean',
      },
      actOrder: {
        type: 'boolean',
        default: true,
        description:
          'Whether features with large activations are quantized first; scales are then those of the float weights',
      },
    },
    required: ['dataset'],
    additionalProperties: false,
  },
  headline: (metrics) =>
    `${metrics.quantizedNodes} linear layers to ${metrics.bits} bits in groups of ${metrics.group}, ${metrics.keptNodes} kept${outputErrorText(metrics)}`,
  load: async () => (await import('./work.js')).gptq,
};
