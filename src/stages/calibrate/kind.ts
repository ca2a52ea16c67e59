import type { Json, JsonObject } from '../../json.js';
import { isJsonObject } from '../../json.js';
import { datasetProblems, datasetSchema, datasetSources, normaliseDataset } from '../dataset-schema.js';
import type { SourceRequest, StageKind } from '../kind.js';

export const calibrateKind: StageKind = {
  name: 'calibrate',
  version: 2,
  summary: 'Runs a text through a model and keeps statistics of the inputs of its linear layers',
  produces: 'stats',
  parameters: {
    type: 'object',
    properties: {
      dataset: datasetSchema,
      import: {
        type: 'string',
        minLength: 1,
        description:
          'In place of a dataset: activation scales that were measured elsewhere, a .pt file of torch.save or .safetensors with a vector for each module. A path, hf: or url:',
      },
      sha256: {
        type: 'string',
        pattern: '^[0-9a-f]{64}$',
        description: 'Of an import from a url: the sha256 of the file',
      },
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
    additionalProperties: false,
  },
  inputs: { model: { accepts: ['model'], required: true } },
  cores: 'all',
  engines: ['onnxruntime'],
  // The content that is read says which hash it has.
  cosmetic: ['sha256'],
  normalise: (parameters) => ({
    ...parameters,
    ...(parameters.dataset === undefined ? {} : { dataset: normaliseDataset(parameters.dataset) }),
    collect: Array.isArray(parameters.collect) ? [...parameters.collect].sort() : ['absmax'],
  }),
  check: (parameters) => [...datasetProblems(parameters), ...originProblems(parameters)],
  sources: (parameters) =>
    typeof parameters.import === 'string'
      ? [importSource(parameters.import, parameters.sha256)]
      : datasetSources(parameters),
  headline: (metrics) =>
    metrics.imported === undefined
      ? `${metrics.windows} windows of ${metrics.length} tokens, ${metrics.linearLayers} linear layers`
      : `${metrics.imported} of ${metrics.linearLayers} linear layers imported`,
  load: async () => (await import('./work.js')).calibrate,
};

type Problem = ReturnType<NonNullable<StageKind['check']>>[number];

/** Statistics come from one place, and only a text has windows. */
function originProblems({ dataset, import: imported, seed, collect, sha256 }: JsonObject): readonly Problem[] {
  const problem = (name: string, message: string): Problem => ({ pointer: [name], message });
  if (imported === undefined) {
    if (dataset === undefined) return [{ pointer: [], message: 'calibrate needs a `dataset`, or scales to `import`' }];
    const isDrawn = seed === undefined || (isJsonObject(dataset) && dataset.windows !== undefined);
    return [
      ...(isDrawn ? [] : [problem('seed', '`seed` draws `dataset.windows` windows at random: say how many')]),
      ...(sha256 === undefined ? [] : [problem('sha256', '`sha256` is that of an `import`')]),
    ];
  }
  const isMore = Array.isArray(collect) && collect.some((statistic) => statistic !== 'absmax');
  return [
    ...(dataset === undefined ? [] : [problem('import', '`import` is given in place of `dataset`: leave one out')]),
    ...(seed === undefined ? [] : [problem('seed', '`seed` draws windows of a `dataset`, and there is none')]),
    ...(isMore ? [problem('collect', 'what is imported is absmax alone')] : []),
  ];
}

function importSource(path: string, sha256: Json | undefined): SourceRequest {
  return { pointer: ['import'], path, ...(typeof sha256 === 'string' ? { sha256 } : {}) };
}
