import { formatBytes, formatNumber, formatPercent } from '../../format.js';
import type { Json } from '../../json.js';
import { isJsonObject } from '../../json.js';
import { npuNames } from '../../runtime/devices/names.js';
import type { StageKind } from '../kind.js';

/** The ten prompts of AMD's Ryzen AI LLM flow. */
export const defaultPrompts = [
  'What is the meaning of life?',
  "Tell me something you don't know.",
  'What does Xilinx do?',
  'What is the mass of earth?',
  'What is a poem?',
  'What is recursion?',
  'Tell me a one line joke.',
  'Who is Gilgamesh?',
  'Tell me something about cryptocurrency.',
  'How did it all begin?',
] as const;

/** A device of the recipe, `cpu` or `{ npu: stx }`, by the name that reports use: `cpu`, `npu:stx`. */
export function deviceName(device: Json): string {
  return isJsonObject(device) ? `npu:${String(device.npu)}` : String(device);
}

export const runKind: StageKind = {
  name: 'run',
  version: 1,
  summary: 'Runs a model operator by operator on an NPU and the CPU: generates text, measures and validates',
  produces: 'report',
  parameters: {
    type: 'object',
    properties: {
      devices: {
        type: 'array',
        minItems: 1,
        default: ['cpu'],
        description: 'In order of preference; the CPU takes what no other device supports',
        items: {
          anyOf: [
            { enum: ['cpu'] },
            {
              type: 'object',
              properties: { npu: { enum: npuNames, description: 'A simulated NPU' } },
              required: ['npu'],
              additionalProperties: false,
            },
          ],
        },
      },
      tasks: {
        type: 'array',
        minItems: 1,
        uniqueItems: true,
        items: { enum: ['decode', 'benchmark', 'validate'] },
        default: ['decode'],
        description: 'decode: greedy answers to prompts; benchmark: times; validate: logits against the whole graph',
      },
      granularity: {
        enum: ['op', 'island'],
        default: 'island',
        description: 'op: every operator is dispatched on its own; island: neighbouring CPU operators are one session',
      },
      prompts: { type: 'array', items: { type: 'string', minLength: 1 }, minItems: 1, default: [...defaultPrompts] },
      maxLength: { type: 'integer', minimum: 2, default: 30, description: 'Tokens of prompt and answer together' },
      ignoreEos: { type: 'boolean', default: false, description: 'Goes on after an end-of-text token' },
      promptLengths: {
        type: 'array',
        items: { type: 'integer', minimum: 1 },
        minItems: 1,
        uniqueItems: true,
        default: [8, 32, 128],
        description: 'Prompt lengths of the benchmark, in tokens',
      },
      newTokens: {
        type: 'integer',
        minimum: 2,
        default: 11,
        description: 'Tokens generated after each benchmark prompt',
      },
      warmup: { type: 'integer', minimum: 0, default: 1, description: 'Repeats of the benchmark that are not counted' },
      repeats: {
        type: 'integer',
        minimum: 1,
        default: 3,
        description: 'Repeats of the benchmark; the median is reported',
      },
    },
    additionalProperties: false,
  },
  inputs: { model: { accepts: ['model', 'exported'], required: true } },
  measures: true,
  tolerance: 1e-6,
  cores: 'all',
  engines: ['onnxruntime'],
  normalise: (parameters) => ({
    ...parameters,
    tasks: Array.isArray(parameters.tasks) ? [...parameters.tasks].sort() : ['decode'],
  }),
  headline: (metrics) => {
    const parts: string[] = [];
    if (metrics.device !== 'cpu') {
      parts.push(
        `${metrics.device} (simulated) ${metrics.offloadedOperators} operators, ${formatPercent(metrics.npuCoverage)} of MACs`,
      );
    }
    if (metrics.msPerToken !== undefined)
      parts.push(`${formatNumber(metrics.msPerToken)} ms/token measured on the CPU`);
    if (metrics.modelledNpuMsPerToken !== undefined) {
      parts.push(`${formatNumber(metrics.modelledNpuMsPerToken)} ms/token modelled on the NPU`);
    }
    if (metrics.maxLogitError !== undefined)
      parts.push(`logits within ${formatNumber(metrics.maxLogitError)} of the whole graph`);
    if (parts.length === 0) parts.push(`${metrics.generatedTokens} tokens, peak ${formatBytes(metrics.peakRssBytes)}`);
    return parts.join('; ');
  },
  load: async () => (await import('./work.js')).run,
};
