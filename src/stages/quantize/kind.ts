import type { Json } from '../../json.js';
import { isJsonObject } from '../../json.js';
import { ruleSchemeSchema } from '../../quant/policy-schema.js';
import { isStatic } from '../../quant/schemes.js';
import { datasetProblems, datasetSchema, datasetSources, normaliseDataset } from '../dataset-schema.js';
import type { StageKind } from '../kind.js';
import { outputErrorText } from '../layerwise/largest-errors.js';
import type { Rule } from './rule.js';
import { resolveRuleScheme } from './rule-scheme.js';

/** Whether a rule gives operators a scheme with scales that calibration finds. */
function needsStatistics(rule: Rule): boolean {
  if (!('scheme' in rule)) return false;
  const scheme = resolveRuleScheme(rule.scheme);
  const schemes = 'blocks' in scheme ? [scheme.blocks, scheme.others] : [scheme];
  return schemes.some((one) => one !== 'float' && isStatic(one));
}

const stringOrList = {
  anyOf: [
    { type: 'string', minLength: 1 },
    { type: 'array', items: { type: 'string', minLength: 1 }, minItems: 1, uniqueItems: true },
  ],
} as const;

export const quantizeKind: StageKind = {
  name: 'quantize',
  version: 4,
  summary: 'Quantizes the operators that rules select',
  produces: 'model',
  parameters: {
    type: 'object',
    properties: {
      rules: {
        type: 'array',
        minItems: 1,
        description: 'The first rule that matches an operator decides; an operator that no rule matches is kept',
        items: {
          type: 'object',
          properties: {
            match: {
              type: 'object',
              description: 'All conditions must hold; an empty match takes every linear layer, `op: Gather` embeddings',
              properties: {
                op: { ...stringOrList, description: 'Operator type, for example MatMul' },
                name: { ...stringOrList, description: 'Module path: exact, `glob:` or `re:`' },
                layers: {
                  type: 'array',
                  items: { type: 'integer', minimum: 0 },
                  minItems: 1,
                  uniqueItems: true,
                  description: 'Numbers of the decoder layers, from 0',
                },
                minElements: { type: 'integer', minimum: 1, description: 'Smallest number of elements of the weight' },
              },
              additionalProperties: false,
            },
            keep: { enum: ['float'], description: 'Leaves the operator as it is' },
            scheme: ruleSchemeSchema,
          },
          required: ['match'],
          additionalProperties: false,
        },
      },
      dataset: {
        ...datasetSchema,
        description: 'A text on whose tokens the error of the output of each quantized operator is taken',
      },
    },
    required: ['rules'],
    additionalProperties: false,
  },
  inputs: {
    model: { accepts: ['model'], required: true },
    stats: { accepts: ['stats'], required: false },
  },
  cores: 'all',
  /** Presets are written out: a preset that changes gives other keys, and a scheme spelled out gives those of its preset. */
  normalise: (parameters) => {
    const rules = (parameters.rules ?? []) as unknown as readonly Rule[];
    const resolved = rules.map((rule) =>
      'scheme' in rule ? { ...rule, scheme: resolveRuleScheme(rule.scheme) } : rule,
    );
    const { dataset } = parameters;
    return {
      ...parameters,
      rules: resolved as unknown as Json,
      ...(dataset === undefined ? {} : { dataset: normaliseDataset(dataset) }),
    };
  },
  check: (parameters, inputs) => {
    const rules = Array.isArray(parameters.rules) ? parameters.rules : [];
    const ruleProblems = rules.flatMap((rule, index) => {
      const given = isJsonObject(rule) ? ['keep', 'scheme'].filter((name) => rule[name] !== undefined).length : 0;
      const pointer = ['rules', String(index)];
      if (given !== 1) return [{ pointer, message: 'a rule says either `scheme: NAME` or `keep: float`' }];
      if (inputs.has('stats') || !needsStatistics(rule as unknown as Rule)) return [];
      const message = 'a static scheme takes the scales of activations from calibration: give the stage `stats`';
      return [{ pointer: [...pointer, 'scheme'], message }];
    });
    return [...ruleProblems, ...datasetProblems(parameters)];
  },
  sources: datasetSources,
  // Weights don't depend on the machine, and what is measured with them is the same on one machine.
  traits: ({ dataset }) =>
    dataset === undefined ? {} : { machineDependent: true, tolerance: 0, engines: ['onnxruntime'] },
  headline: (metrics) => {
    const schemes = Array.isArray(metrics.schemes) ? metrics.schemes.join(', ') : '';
    const linear = Number(metrics.quantizedNodes) + Number(metrics.keptNodes);
    const kept = Array.isArray(metrics.kept) ? metrics.kept.slice(0, 2).join(', ') : '';
    const names = kept === '' ? '' : `, kept ${kept}${Number(metrics.keptNodes) > 2 ? ', ...' : ''}`;
    const embeddings = Array.isArray(metrics.embeddings) ? ` and ${metrics.embeddings.join(', ')}` : '';
    return `${metrics.quantizedNodes} of ${linear} linear layers${embeddings} to ${schemes}${names}${outputErrorText(metrics)}`;
  },
  load: async () => (await import('./work.js')).quantize,
};
