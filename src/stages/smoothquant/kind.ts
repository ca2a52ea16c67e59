import { formatNumber } from '../../format.js';
import type { Json, JsonObject } from '../../json.js';
import { isJsonObject } from '../../json.js';
import { schemeSchema } from '../../quant/scheme-schema.js';
import { isStatic, resolveScheme, type SchemeChoice } from '../../quant/schemes.js';
import { datasetProblems, datasetSchema, datasetSources, normaliseDataset } from '../dataset-schema.js';
import type { StageKind } from '../kind.js';
import { defaultRange } from './alpha-range.js';

/** Channels are split by default where outliers of linear layers are smoothed at all. */
const defaultSplit = 4;

const strength = { type: 'number', minimum: 0, maximum: 1 } as const;

export const smoothquantKind: StageKind = {
  name: 'smoothquant',
  version: 3,
  summary: 'Moves the outliers of activations into the weights of the linear layers behind a norm',
  produces: 'model',
  parameters: {
    type: 'object',
    properties: {
      alpha: {
        default: 0.5,
        description:
          'Migration strength: 0 leaves the activations as they are, 1 moves all of their range into the weights. `auto`, or a range, finds the one with the least error for each group',
        anyOf: [
          strength,
          { const: 'auto' },
          {
            type: 'object',
            properties: {
              from: { ...strength, description: `${defaultRange.from} when left out` },
              to: { ...strength, description: `${defaultRange.to} when left out` },
              step: { type: 'number', minimum: 0.001, maximum: 1, description: `${defaultRange.step} when left out` },
            },
            additionalProperties: false,
          },
        ],
      },
      dataset: { ...datasetSchema, description: 'Of `alpha: auto`: the text on whose tokens the error is taken' },
      scheme: {
        ...schemeSchema,
        description: 'Of `alpha: auto`: the scheme whose error is taken; w8a8-ort when left out',
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
      split: {
        anyOf: [{ type: 'number', minimum: 1 }, { const: false }],
        description: `Channels between linear layers whose activation times weight is more than this many times that of the hundredth largest become several; \`false\` leaves them. Of \`groups: extended\` ${defaultSplit} when left out; else \`groups\` has to name layers`,
      },
    },
    additionalProperties: false,
  },
  inputs: {
    model: { accepts: ['model'], required: true },
    stats: { accepts: ['stats'], required: true },
  },
  check: (parameters) => [...groupProblems(parameters), ...splitProblems(parameters), ...searchProblems(parameters)],
  normalise: (parameters) => {
    const { alpha, dataset, scheme } = parameters;
    const { split = parameters.groups === 'extended' ? defaultSplit : false, ...others } = parameters;
    const normalised = split === false ? others : { ...others, split };
    if (!isSearch(alpha)) return normalised;
    const range = { ...defaultRange, ...(isJsonObject(alpha) ? alpha : {}) };
    const resolved = resolveScheme((scheme ?? 'w8a8-ort') as SchemeChoice);
    return { ...normalised, alpha: range, dataset: normaliseDataset(dataset), scheme: resolved as unknown as Json };
  },
  sources: datasetSources,
  traits: ({ alpha }) => (isSearch(alpha) ? { machineDependent: true, tolerance: 1e-6, cores: 'all' } : {}),
  cores: 'one',
  engines: ['onnxruntime'],
  headline: ({ groups, alpha, smallestAlpha, largestAlpha, equivalenceError }) => {
    const strength = alpha ?? `${smallestAlpha} to ${largestAlpha}`;
    return `${groups} groups, alpha ${strength}, equivalence ${formatNumber(equivalenceError)}`;
  },
  load: async () => (await import('./work.js')).smoothquant,
};

type Problems = ReturnType<NonNullable<StageKind['check']>>;

/** Whether strengths are tried. */
function isSearch(alpha: Json | undefined): boolean {
  return alpha === 'auto' || isJsonObject(alpha);
}

function groupProblems({ groups }: JsonObject): Problems {
  if (!Array.isArray(groups)) return [];
  return groups.flatMap((group, index) => {
    if (!isJsonObject(group) || (group.norm === undefined) !== (group.layer === undefined)) return [];
    return [{ pointer: ['groups', String(index)], message: 'a group has either `norm` or `layer`' }];
  });
}

function splitProblems({ groups, split }: JsonObject): Problems {
  const hasLayers = Array.isArray(groups)
    ? groups.some((group) => isJsonObject(group) && 'layer' in group)
    : groups === 'extended';
  if (split === undefined || split === false || hasLayers) return [];
  return [{ pointer: ['split'], message: 'channels are split between linear layers: say `groups: extended`' }];
}

function searchProblems(parameters: JsonObject): Problems {
  const { alpha, dataset } = parameters;
  if (!isSearch(alpha)) {
    const unused = ['dataset', 'scheme'].filter((name) => parameters[name] !== undefined);
    return unused.map((name) => ({
      pointer: [name],
      message: `\`${name}\` is for \`alpha: auto\`, or a range of alpha`,
    }));
  }
  const { scheme } = parameters;
  const hasNoScales = scheme !== undefined && isStatic(resolveScheme(scheme as SchemeChoice));
  const { from, to } = { ...defaultRange, ...(isJsonObject(alpha) ? alpha : {}) };
  const isEmpty = typeof from === 'number' && typeof to === 'number' && from > to;
  return [
    ...datasetProblems(parameters),
    ...(dataset === undefined ? [{ pointer: ['alpha'], message: 'to find alpha, `dataset` has to give a text' }] : []),
    ...(hasNoScales
      ? [
          {
            pointer: ['scheme'],
            message: 'scales of a static scheme come from the smoothed model, which is not there yet',
          },
        ]
      : []),
    ...(isEmpty ? [{ pointer: ['alpha'], message: `the range of alpha is empty: ${from} is more than ${to}` }] : []),
  ];
}
