import { formatBytes, formatNumber, formatPercent } from '../../format.js';
import type { Json, JsonObject } from '../../json.js';
import { mostThreads } from '../../threads.js';
import { datasetProblems, datasetSchema, datasetSources } from '../dataset-schema.js';
import { normalisePerplexityDataset, protocolSchema } from '../evaluate/protocol-schema.js';
import type { StageKind } from '../kind.js';
import { deviceProblems, deviceSources, devicesSchema } from './devices.js';

/** What a run may do. */
export const runTasks = ['decode', 'benchmark', 'perplexity', 'profile', 'validate'] as const;
export type RunTask = (typeof runTasks)[number];

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
  version: 6,
  summary: 'Runs a model operator by operator on an NPU and the CPU: generates text, measures and validates',
  produces: 'report',
  parameters: {
    type: 'object',
    properties: {
      devices: devicesSchema,
      placement: {
        enum: ['all-supported', 'fastest'],
        default: 'all-supported',
        description:
          'all-supported: the first device that takes an operator; fastest: the fastest of them and the CPU, for each number of rows, by modelled times where a device has them, else measured',
      },
      tasks: {
        type: 'array',
        minItems: 1,
        uniqueItems: true,
        items: { enum: runTasks },
        default: ['decode'],
        description:
          'decode: answers to prompts; benchmark: times; perplexity: of `dataset`; profile: times of every operator, one by one; validate: logits, and the perplexity where there is a `dataset`, against the whole graph or `reference`',
      },
      granularity: {
        enum: ['op', 'island'],
        default: 'island',
        description: 'op: every operator is dispatched on its own; island: neighbouring CPU operators are one session',
      },
      threads: {
        type: 'integer',
        minimum: 1,
        maximum: mostThreads,
        description: 'Threads of the CPU; by default all it has',
      },
      prompts: { type: 'array', items: { type: 'string', minLength: 1 }, minItems: 1, default: [...defaultPrompts] },
      maxLength: { type: 'integer', minimum: 2, default: 30, description: 'Tokens of prompt and answer together' },
      temperature: {
        type: 'number',
        minimum: 0,
        maximum: 100,
        default: 0,
        description: 'Draws the tokens of answers at random; 0 takes the most probable one',
      },
      topK: { type: 'integer', minimum: 1, description: 'Draws from so many of the most probable tokens' },
      topP: {
        type: 'number',
        exclusiveMinimum: 0,
        maximum: 1,
        description: 'Draws from the most probable tokens that have this probability together',
      },
      seed: { type: 'integer', minimum: 0, default: 0, description: 'Of the draws, for each answer anew' },
      draftTokens: {
        type: 'integer',
        minimum: 1,
        default: 4,
        description: 'With `draft`: tokens that it guesses at a time',
      },
      dataset: { ...datasetSchema, description: 'What the perplexity is measured on' },
      protocol: protocolSchema,
      formats: {
        type: 'array',
        uniqueItems: true,
        items: { enum: ['amd'] },
        default: [],
        description: "Further forms of what decode and benchmark measure. amd: the logs and tables of AMD's scripts",
      },
      operatorErrorLimit: {
        type: 'number',
        exclusiveMinimum: 0,
        default: 0.1,
        description:
          'validate names the first operator whose result is further from the reference: largest difference over largest value',
      },
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
  inputs: {
    model: { accepts: ['model', 'exported'], required: true },
    draft: { accepts: ['model', 'exported'], required: false },
    reference: { accepts: ['model', 'exported'], required: false },
  },
  measures: true,
  measuredFiles: ['placement.html', 'profile.json', 'profile.md', 'amd.log', 'amd-console.txt', 'amd-profile.csv'],
  tolerance: 1e-6,
  cores: 'all',
  engines: ['onnxruntime'],
  normalise: ({ topK, topP, dataset, ...parameters }) => ({
    ...parameters,
    ...(parameters.temperature === 0 ? { seed: 0 } : { ...given({ topK, topP }) }),
    ...(dataset === undefined ? {} : { dataset: normalisePerplexityDataset(parameters.protocol, Object(dataset)) }),
    tasks: Array.isArray(parameters.tasks) ? [...parameters.tasks].sort() : ['decode'],
  }),
  check: (parameters) => [...deviceProblems(parameters), ...datasetProblems(parameters), ...taskProblems(parameters)],
  sources: (parameters) => [...deviceSources(parameters), ...datasetSources(parameters)],
  headline: (metrics) => {
    const parts: string[] = [];
    const isSimulated = String(metrics.device).includes('npu:');
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
    if (metrics.perplexity !== undefined) parts.push(`perplexity ${formatNumber(metrics.perplexity)}`);
    if (metrics.draftAcceptance !== undefined) parts.push(`${formatPercent(metrics.draftAcceptance)} of guesses right`);
    if (metrics.maxLogitError !== undefined) {
      parts.push(`logits within ${formatNumber(metrics.maxLogitError)} of the ${metrics.validatedAgainst}`);
    }
    if (metrics.firstOperatorOverLimit !== undefined) parts.push(`${metrics.firstOperatorOverLimit} is over the limit`);
    if (parts.length === 0) parts.push(`${metrics.generatedTokens} tokens, peak ${formatBytes(metrics.peakRssBytes)}`);
    return parts.join('; ');
  },
  load: async () => (await import('./work.js')).run,
};

function given(parameters: { readonly [name: string]: Json | undefined }): JsonObject {
  return Object.fromEntries(Object.entries(parameters).filter(([, value]) => value !== undefined));
}

/** Parameters that a task needs or that none of the tasks has a use for. */
function taskProblems({ tasks, dataset, temperature = 0, topK, topP }: JsonObject): Problem[] {
  const has = (task: RunTask): boolean => Array.isArray(tasks) && tasks.includes(task);
  const problems: Problem[] = [];
  const add = (pointer: string, message: string): number => problems.push({ pointer: [pointer], message });
  if (has('perplexity') && dataset === undefined) add('tasks', 'perplexity needs a `dataset`');
  if (dataset !== undefined && !has('perplexity') && !has('validate')) {
    add('dataset', '`dataset` is of the tasks perplexity and validate');
  }
  for (const [name, value] of Object.entries({ topK, topP })) {
    if (value !== undefined && temperature === 0) add(name, `\`${name}\` needs a \`temperature\` above 0`);
  }
  return problems;
}

interface Problem {
  readonly pointer: readonly string[];
  readonly message: string;
}
