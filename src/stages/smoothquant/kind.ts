import { formatNumber } from '../../format.js';
import { isJsonObject } from '../../json.js';
import type { StageKind } from '../kind.js';

export const smoothquantKind: StageKind = {
  name: 'smoothquant',
  version: 2,
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
        default: 'norms',
        description:
          'What is smoothed: `norms` with the linear layers behind them, `extended` also linear layers with others behind them where that is exact, or a list of groups',
        anyOf: [
          { enum: ['norms', 'extended'] },
          {
            type: 'array',
            minItems: 1,
            items: {
              type: 'object',
              properties: {
                norm: { type: 'string', minLength: 1, description: 'The norm that makes the channels' },
                layer: { type: 'string', minLength: 1, description: 'The linear layer that makes the channels' },
                linear: {
                  type: 'array',
                  items: { type: 'string', minLength: 1 },
                  minItems: 1,
                  uniqueItems: true,
                  description: 'All linear layers that read them',
                },
              },
              required: ['linear'],
              additionalProperties: false,
            },
          },
        ],
      },
    },
    additionalProperties: false,
  },
  inputs: {
    model: { accepts: ['model'], required: true },
    stats: { accepts: ['stats'], required: true },
  },
  check: ({ groups }) => {
    if (!Array.isArray(groups)) return [];
    return groups.flatMap((group, index) => {
      if (!isJsonObject(group) || (group.norm === undefined) !== (group.layer === undefined)) return [];
      return [{ pointer: ['groups', String(index)], message: 'a group has either `norm` or `layer`' }];
    });
  },
  cores: 'one',
  engines: ['onnxruntime'],
  headline: (metrics) =>
    `${metrics.groups} groups, alpha ${metrics.alpha}, equivalence ${formatNumber(metrics.equivalenceError)}`,
  load: async () => (await import('./work.js')).smoothquant,
};
