import { formatBytes, formatNumber, formatPercent } from '../../format.js';
import type { StageKind } from '../kind.js';
import { deviceProblems, deviceSources, devicesSchema } from './devices.js';

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

export const runKind: StageKind = {
  name: 'run',
  version: 3,
  summary: 'Runs a model operator by operator on an NPU and the CPU: generates text, measures and validates',
  produces: 'report',
  parameters: {
    type: 'object',
    properties: {
      devices: devicesSchema,
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
      strict: {
        type: 'boolean',
        default: false,
        description: 'A device that fails is an error; otherwise the CPU does what it does not, with a warning',
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
  check: deviceProblems,
  sources: deviceSources,
  headline: (metrics) => {
    const parts: string[] = [];
    const isSimulated = String(metrics.device).startsWith('npu:');
    if (metrics.device !== 'cpu') {
      parts.push(
        `${metrics.device}${isSimulated ? ' (simulated)' : ''} ${metrics.offloadedOperators} operators, ${formatPercent(metrics.npuCoverage)} of MACs`,
      );
    }
    if (Number(metrics.deviceFaults) > 0) parts.push(`${metrics.deviceFaults} operators went back to the CPU`);
    if (metrics.msPerToken !== undefined) {
      const where = metrics.device === 'cpu' || isSimulated ? ' on the CPU' : '';
      parts.push(`${formatNumber(metrics.msPerToken)} ms/token measured${where}`);
    }
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
