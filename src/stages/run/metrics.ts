import type { JsonObject } from '../../json.js';
import { median } from '../../runtime/averages.js';
import type { EagerModel } from '../../runtime/eager-model.js';
import { isModelled, modelledRow } from '../../runtime/modelled-rows.js';
import { placementAt } from '../../runtime/placement-shapes.js';
import type { Prompt } from './prompts.js';
import type { TaskResults } from './tasks.js';
import type { ValidationReport } from './validate-model.js';

/**
 * The metrics of a run; those of tasks that were not asked for are undefined. Times are those of the benchmark's first prompt length, or medians over the prompts where there was
 * no benchmark. Only those with `modelled` in their name are of the NPU, and only for its own work.
 */
export function runMetrics(
  device: string,
  model: EagerModel,
  prompts: readonly Prompt[],
  results: TaskResults,
): JsonObject {
  const { placement, faults } = model;
  const { decoded, benchmarked, perplexity, validation, peakRssBytes } = results;
  const times = benchmarked?.[0] ?? decoded?.times;
  const { offloadedOperators, npuCoverage } = placementAt(placement, 1);
  return {
    device,
    offloadedOperators,
    npuCoverage,
    deviceFaults: faults.length === 0 ? undefined : faults.length,
    prefillMs: times?.prefillMs,
    msPerToken: times?.msPerToken,
    tokensPerSecond: times?.msPerToken === undefined ? undefined : 1000 / times.msPerToken,
    ...modelledMetrics(
      model,
      benchmarked?.slice(0, 1).map(({ promptLength }) => promptLength) ?? promptLengths(prompts),
    ),
    benchmark: benchmarked,
    generatedTokens: decoded?.answers.reduce((sum, { answerIds }) => sum + answerIds.length, 0),
    draftAcceptance: decoded?.guesses?.acceptance,
    ...perplexity?.metrics,
    ...(validation === undefined ? {} : validationMetrics(validation)),
    peakRssBytes,
  };
}

function validationMetrics({ reference, firstOperatorOverLimit, ...rest }: ValidationReport): JsonObject {
  return { ...rest, validatedAgainst: reference, firstOperatorOverLimit: firstOperatorOverLimit?.operator };
}

function promptLengths(prompts: readonly Prompt[]): readonly number[] {
  return prompts.map(({ ids }) => ids.length);
}

function modelledMetrics(model: EagerModel, prefillLengths: readonly number[]): JsonObject {
  if (!isModelled(model.placement)) return {};
  return {
    modelledNpuPrefillMs: median(prefillLengths.map((tokens) => modelledRow(model, tokens).timeMs)),
    modelledNpuMsPerToken: modelledRow(model, 1).timeMs,
  };
}
