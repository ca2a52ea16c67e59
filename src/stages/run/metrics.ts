import type { JsonObject } from '../../json.js';
import type { EagerModel } from '../../runtime/eager-model.js';
import { median } from '../../runtime/median.js';
import { modelledRow } from './modelled.js';
import type { Prompt } from './prompts.js';
import type { TaskResults } from './tasks.js';

/**
 * The metrics of a run. Times are those of the benchmark's first prompt length, or medians over the prompts where there was
 * no benchmark. Only those with `modelled` in their name are of the NPU, and only for its own work.
 */
export function runMetrics(
  device: string,
  { placement }: EagerModel,
  prompts: readonly Prompt[],
  results: TaskResults,
): JsonObject {
  const { decoded, benchmarked, validation, peakRssBytes } = results;
  const times = benchmarked?.[0] ?? decoded?.times;
  const promptLengths = prompts.map(({ ids }) => ids.length);
  return {
    device,
    offloadedOperators: placement.offloaded.size,
    npuCoverage: placement.npuCoverage,
    ...(times === undefined ? {} : { prefillMs: times.prefillMs }),
    ...(times?.msPerToken === undefined
      ? {}
      : { msPerToken: times.msPerToken, tokensPerSecond: 1000 / times.msPerToken }),
    ...(placement.offloaded.size === 0
      ? {}
      : {
          modelledNpuPrefillMs: median(
            (benchmarked === undefined ? promptLengths : benchmarked.slice(0, 1).map((row) => row.promptLength)).map(
              (tokens) => modelledRow(placement, tokens).timeMs,
            ),
          ),
          modelledNpuMsPerToken: modelledRow(placement, 1).timeMs,
        }),
    ...(benchmarked === undefined ? {} : { benchmark: benchmarked }),
    ...(decoded === undefined
      ? {}
      : { generatedTokens: decoded.answers.reduce((sum, { answerIds }) => sum + answerIds.length, 0) }),
    ...(validation ?? {}),
    peakRssBytes,
  };
}
