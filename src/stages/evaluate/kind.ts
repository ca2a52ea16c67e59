import { formatNumber, formatPercent } from '../../format.js';
import { isJsonObject } from '../../json.js';
import { datasetProblems, datasetSchema, datasetSources } from '../dataset-schema.js';
import type { StageKind } from '../kind.js';
import { deviceProblems, deviceSources, devicesSchema, isDefaultDevices } from '../run/devices.js';
import { normalisePerplexityDataset, protocolSchema } from './protocol-schema.js';

const windowParameters = ['length', 'stride', 'windows'] as const;

export const evaluateKind: StageKind = {
  name: 'evaluate',
  version: 4,
  summary: 'Measures perplexity on a text, and how far a model has moved from a reference',
  produces: 'report',
  parameters: {
    type: 'object',
    properties: {
      dataset: datasetSchema,
      metric: { enum: ['perplexity'], default: 'perplexity' },
      protocol: protocolSchema,
      engine: {
        enum: ['graph', 'eager'],
        default: 'graph',
        description: 'graph: one ONNX Runtime session of the whole model; eager: operator by operator on `devices`',
      },
      devices: devicesSchema,
      length: datasetSchema.properties.length,
      stride: datasetSchema.properties.stride,
      windows: datasetSchema.properties.windows,
    },
    required: ['dataset'],
    additionalProperties: false,
  },
  inputs: {
    model: { accepts: ['model'], required: true },
    reference: { accepts: ['model'], required: false },
  },
  machineDependent: true,
  tolerance: 1e-6,
  cores: 'all',
  engines: ['onnxruntime'],
  check: (parameters) => {
    const dataset = parameters.dataset;
    const twice = windowParameters
      .filter((name) => parameters[name] !== undefined && isJsonObject(dataset) && dataset[name] !== undefined)
      .map((name) => ({ pointer: [name], message: `\`${name}\` is given here and in \`dataset\`: give it once` }));
    const unused =
      parameters.engine === 'eager' || isDefaultDevices(parameters.devices)
        ? []
        : [{ pointer: ['devices'], message: '`devices` are of `engine: eager`' }];
    return [...datasetProblems(parameters), ...twice, ...unused, ...deviceProblems(parameters)];
  },
  normalise: (parameters) => {
    const { length, stride, windows, devices, ...rest } = parameters;
    const given = Object.fromEntries(
      Object.entries({ length, stride, windows }).filter(([, value]) => value !== undefined),
    );
    const dataset = { ...Object(parameters.dataset), ...given };
    return {
      ...rest,
      ...(parameters.engine === 'eager' && devices !== undefined ? { devices } : {}),
      dataset: normalisePerplexityDataset(parameters.protocol, dataset),
    };
  },
  sources: (parameters) => [...datasetSources(parameters), ...deviceSources(parameters)],
  headline: (metrics) => {
    const change = metrics.perplexityIncrease;
    const against = change === undefined ? '' : `, ${formatPercent(change, { signed: true })} against the reference`;
    return `perplexity ${formatNumber(metrics.perplexity)}${against}, ${metrics.windows} windows of ${metrics.length}`;
  },
  load: async () => (await import('./work.js')).evaluate,
};
