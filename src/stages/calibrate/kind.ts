import { isJsonObject } from '../../json.js';
import { datasetProblems, datasetSchema, datasetSources, normaliseDataset } from '../dataset-schema.js';
import type { StageKind } from '../kind.js';

export const calibrateKind: StageKind = {
  name: 'calibrate',
  version: 2,
  summary: 'Runs a text through a model and keeps statistics of the inputs of its linear layers',
  produces: 'stats',
  parameters: {
    type: 'object',
    properties: {
      dataset: datasetSchema,
      collect: {
        type: 'array',
        items: { enum: ['absmax', 'absmean'] },
        minItems: 1,
        uniqueItems: true,
        default: ['absmax'],
        description: 'Statistics kept for every input channel of every linear layer',
      },
      seed: {
        type: 'integer',
        minimum: 0,
        description: 'Draws the windows at random with this seed; the first windows are taken when left out',
      },
    },
    required: ['dataset'],
    additionalProperties: false,
  },
  inputs: { model: { accepts: ['model'], required: true } },
  cores: 'all',
  engines: ['onnxruntime'],
  normalise: (parameters) => ({
    ...parameters,
    dataset: normaliseDataset(parameters.dataset),
    collect: Array.isArray(parameters.collect) ? [...parameters.collect].sort() : ['absmax'],
  }),
  check: (parameters) => {
    const { dataset, seed } = parameters;
    const problems = datasetProblems(parameters);
    if (seed === undefined || (isJsonObject(dataset) && dataset.windows !== undefined)) return problems;
    const message = '`seed` draws `dataset.windows` windows at random: say how many';
    return [...problems, { pointer: ['seed'], message }];
  },
  sources: datasetSources,
  headline: (metrics) =>
    `${metrics.windows} windows of ${metrics.length} tokens, ${metrics.linearLayers} linear layers`,
  load: async () => (await import('./work.js')).calibrate,
};
