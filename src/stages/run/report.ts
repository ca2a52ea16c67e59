import type { JsonObject } from '../../json.js';
import type { ModelDirectory } from '../../models/model-directory.js';
import type { Engine } from '../../ort/engine.js';
import { defaultGraphOptimization } from '../../ort/session-options.js';
import type { EagerModel } from '../../runtime/eager-model.js';
import { isModelled, modelledRows } from '../../runtime/modelled-rows.js';
import { placementAt } from '../../runtime/placement-shapes.js';
import type { RunParameters } from './parameters.js';
import type { Prompt } from './prompts.js';
import type { TaskResults } from './tasks.js';

export interface ReportSubjects {
  readonly opened: ModelDirectory;
  readonly engine: Engine;
  readonly model: EagerModel;
  /** Names, in order of preference. */
  readonly devices: readonly string[];
  readonly parameters: RunParameters;
  readonly prompts: readonly Prompt[];
  readonly results: TaskResults;
}

/** `report.json`: all of a run that another run on the same machine repeats, so nothing that was measured. */
export function runReport(subjects: ReportSubjects): JsonObject {
  const { opened, engine, model, devices, parameters, results } = subjects;
  const { placement } = model;
  const { decoded, perplexity, validation } = results;
  return {
    format: 1,
    model: { ...opened.info, quantization: opened.quantization },
    engine: { name: 'onnxruntime', version: engine.version, graphOptimization: defaultGraphOptimization },
    threads: engine.threads,
    partLength: model.partLength,
    devices,
    granularity: parameters.granularity,
    units: model.unitCount,
    offloadedOperators: placement.offloaded.size,
    npuCoverage: placement.npuCoverage,
    policy: parameters.placement,
    placement: placement.rows,
    placementByTokens: passTokens(subjects).map((tokens) => placementAt(placement, tokens)),
    warnings: model.faults.length === 0 ? undefined : model.faults,
    modelledNpu: !isModelled(placement) ? undefined : modelledRows(model, readTokens(subjects)),
    sampling: decoded === undefined ? undefined : samplingOf(parameters),
    answers: decoded?.answers,
    draft: decoded?.guesses,
    perplexity,
    validation,
  };
}

/** Tokens of the passes that answers and benchmarks had, without repeats, the fewest first. */
export function passTokens(subjects: Pick<ReportSubjects, 'model' | 'prompts' | 'results'>): readonly number[] {
  const sizes = readTokens(subjects).flatMap((tokens) => subjects.model.passSizes(tokens));
  return [...new Set(sizes)].sort((a, b) => a - b);
}

/** Tokens of the prompts of answers and benchmarks, and the one of a decoding step, in the same order. */
function readTokens({ prompts, results }: Pick<ReportSubjects, 'prompts' | 'results'>): readonly number[] {
  const { decoded, benchmarked } = results;
  const lengths = [
    ...(decoded === undefined ? [] : prompts.map(({ ids }) => ids.length)),
    ...(benchmarked ?? []).map(({ promptLength }) => promptLength),
  ];
  return [...new Set([1, ...lengths])].sort((a, b) => a - b);
}

function samplingOf({ temperature = 0, topK, topP, seed }: RunParameters): JsonObject {
  return { temperature, topK, topP, seed };
}
