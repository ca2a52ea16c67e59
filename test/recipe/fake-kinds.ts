import type { StageKind } from '../../src/stages/kind.js';

function kind(given: Pick<StageKind, 'name' | 'produces' | 'parameters' | 'inputs'> & Partial<StageKind>): StageKind {
  const load = (): never => {
    throw new Error('the work of a fake kind is never loaded');
  };
  return { version: 1, summary: `Summary of ${given.name}`, cores: 'one', headline: () => '', load, ...given };
}

const dataset = {
  type: 'object',
  properties: { text: { type: 'string', minLength: 1 }, windows: { type: 'integer', minimum: 1 } },
  required: ['text'],
  additionalProperties: false,
} as const;

const load = kind({
  name: 'load',
  produces: 'model',
  inputs: {},
  parameters: {
    type: 'object',
    properties: {
      source: { type: 'string', minLength: 1 },
      format: { enum: ['auto', 'safetensors', 'torch'], default: 'auto' },
      layers: { type: 'integer', minimum: 1 },
      keep: { type: 'boolean', default: false },
    },
    required: ['source'],
    additionalProperties: false,
  },
});

const calibrate = kind({
  name: 'calibrate',
  produces: 'stats',
  inputs: { model: { accepts: ['model'], required: true } },
  parameters: {
    type: 'object',
    properties: { dataset, collect: { type: 'array', items: { enum: ['absmax', 'gram'] }, uniqueItems: true } },
    required: ['dataset'],
    additionalProperties: false,
  },
});

const smoothquant = kind({
  name: 'smoothquant',
  produces: 'model',
  inputs: { model: { accepts: ['model'], required: true }, stats: { accepts: ['stats'], required: true } },
  parameters: {
    type: 'object',
    properties: { alpha: { anyOf: [{ type: 'number', minimum: 0, maximum: 1 }, { const: 'auto' }], default: 0.5 } },
    additionalProperties: false,
  },
});

const quantize = kind({
  name: 'quantize',
  produces: 'model',
  inputs: { model: { accepts: ['model'], required: true }, stats: { accepts: ['stats'], required: false } },
  parameters: {
    type: 'object',
    properties: { rules: { type: 'array', minItems: 1, items: { $ref: '#/definitions/rule' } } },
    required: ['rules'],
    additionalProperties: false,
    definitions: {
      rule: {
        type: 'object',
        properties: { match: { type: 'string' }, scheme: { enum: ['w8a8', 'w4-nbits'] }, bits: { type: 'integer' } },
        required: ['match'],
        additionalProperties: false,
      },
    },
  },
  check: (parameters) =>
    JSON.stringify(parameters).includes('"bits":3')
      ? [{ pointer: ['rules', '0', 'bits'], message: '3 bits need a group size' }]
      : [],
});

const run = kind({
  name: 'run',
  produces: 'report',
  inputs: { model: { accepts: ['model', 'exported'], required: true } },
  parameters: {
    type: 'object',
    properties: {
      devices: {
        type: 'array',
        items: { anyOf: [{ enum: ['cpu'] }, { $ref: '#/definitions/npu' }, { $ref: '#/definitions/plugin' }] },
      },
      threshold: { type: 'number', exclusiveMinimum: 0 },
    },
    additionalProperties: false,
    definitions: {
      npu: {
        type: 'object',
        properties: { npu: { enum: ['phx', 'stx'] } },
        required: ['npu'],
        additionalProperties: false,
      },
      plugin: {
        type: 'object',
        properties: { library: { type: 'string' }, options: { type: 'object' } },
        required: ['library'],
        additionalProperties: false,
      },
    },
  },
});

const exportKind = kind({
  name: 'export',
  produces: 'exported',
  inputs: { model: { accepts: ['model'], required: true } },
  parameters: { type: 'object', properties: { to: { type: 'string' } }, additionalProperties: false },
  destination: ({ to }) => (typeof to === 'string' ? { pointer: ['to'], path: to } : undefined),
});

const table = kind({
  name: 'table',
  produces: 'report',
  inputs: { of: { accepts: ['report', 'model'], required: true, list: true } },
  parameters: { type: 'object', properties: { title: { type: 'string' } }, additionalProperties: false },
});

/** Stage kinds for tests of the recipe language. Their work can't be loaded. */
export const fakeKinds: ReadonlyMap<string, StageKind> = new Map(
  [load, calibrate, smoothquant, quantize, run, exportKind, table].map((one) => [one.name, one]),
);
