import { formatNumber } from '../../format.js';
import type { StageKind } from '../kind.js';

export const smoothquantKind: StageKind = {
  name: 'smoothquant',
  version: 1,
  summary: 'Moves the outliers of activations into the weights of the linear layers behind a norm',
  produces: 'model',
  parameters: {
    type: 'object',
    properties: {
      alpha: {
        type: 'number',
        minimum: 0,
        maximum: 1,
        default: 0.5,
        description:
          'Migration strength: 0 leaves the activations as they are, 1 moves all of their range into the weights',
      },
      groups: {
        type: 'array',
        minItems: 1,
        description: 'Norms and the linear layers that read them, instead of the groups found in the graph',
        items: {
          type: 'object',
          properties: {
            norm: { type: 'string', minLength: 1 },
            linear: { type: 'array', items: { type: 'string', minLength: 1 }, minItems: 1, uniqueItems: true },
          },
          required: ['norm', 'linear'],
          additionalProperties: false,
        },
      },
    },
    additionalProperties: false,
  },
  inputs: {
    model: { accepts: ['model'], required: true },
    stats: { accepts: ['stats'], required: true },
  },
  cores: 'one',
  engines: ['onnxruntime'],
  headline: (metrics) =>
    `${metrics.groups} groups, alpha ${metrics.alpha}, equivalence ${formatNumber(metrics.equivalenceError)}`,
  load: async () => (await import('./work.js')).smoothquant,
};
