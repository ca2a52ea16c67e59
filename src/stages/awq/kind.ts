import { nbitsBlocks } from '../../quant/nbits-weight.js';
import { datasetProblems, datasetSchema, datasetSources } from '../dataset-schema.js';
import type { StageKind } from '../kind.js';
import { outputErrorText } from '../layerwise/largest-errors.js';
import { layerwiseKind } from '../layerwise/layerwise-kind.js';

export const awqKind: StageKind = {
  ...layerwiseKind,
  name: 'awq',
  version: 3,
  summary: 'Scales and clips the weights of linear layers so that groups of few bits lose less (AWQ)',
  produces: 'model',
  parameters: {
    type: 'object',
    properties: {
      dataset: datasetSchema,
      import: {
        type: 'string',
        minLength: 1,
        description: 'Result of a search by llm-awq (.pt), which is applied instead of searching',
      },
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
    additionalProperties: false,
  },
  normalise: (parameters) => {
    // What a search would have done with them does not matter to a result that is there.
    if (parameters.import !== undefined) return { import: parameters.import };
    return layerwiseKind.normalise(parameters);
  },
  check: (parameters) => {
    const given = ['dataset', 'import'].filter((name) => parameters[name] !== undefined);
    if (given.length === 0)
      return [{ pointer: [], message: 'give a `dataset` to search with, or a result to `import`' }];
    if (given.length === 1) return datasetProblems(parameters);
    return [{ pointer: ['import'], message: '`import` takes the place of a search: it needs no `dataset`' }];
  },
  sources: (parameters) => {
    if (typeof parameters.import !== 'string') return datasetSources(parameters);
    return [{ pointer: ['import'], path: parameters.import }];
  },
  headline: (metrics) =>
    metrics.imported === true
      ? `${metrics.groups} groups scaled, ${metrics.clippedLayers} layers clipped, as llm-awq found`
      : `${metrics.groups} groups scaled, ${metrics.clippedLayers} layers clipped, for ${metrics.bits} bits in groups of ${metrics.group}${outputErrorText(metrics)}`,
  load: async () => (await import('./search-or-import.js')).searchOrImport,
};
