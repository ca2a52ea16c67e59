import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { JsonObject } from '../../json.js';
import { findLinearLayers } from '../../models/linear-layers.js';
import { companionsOf, openModelDirectory, writeModelDirectory } from '../../models/model-directory.js';
import { spread } from '../../numerics/threads/spread.js';
import type { Model } from '../../onnx/model.js';
import { resolveScheme, schemeText } from '../../quant/schemes.js';
import type { WeightError } from '../../quant/weight-error.js';
import type { WorkContext, WorkResult } from '../kind.js';
import { replaceLayer } from './replace-layer.js';
import type { Rule } from './rule.js';
import type { Decision } from './rules.js';
import { applyRules } from './rules.js';
import { run, weightJob, weightJobModule } from './weight-job.js';

export interface QuantizeParameters {
  readonly rules: readonly Rule[];
}

/** Quantizes the linear layers that the rules select, and says what it did to each. */
export async function quantize(context: WorkContext<QuantizeParameters>): Promise<WorkResult> {
  const { rules } = context.parameters;
  const directory = context.inputs.model!;
  const { model, info } = openModelDirectory(directory);
  const decisions = applyRules(findLinearLayers(model.graph), rules);
  const nodes = await quantizeLayers(model, decisions, context);
  model.graph.removeUnused();
  const quantized = decisions.filter(({ scheme }) => scheme !== undefined);
  const schemes = [...new Set(quantized.map(({ scheme }) => schemeText(scheme!)))].sort();
  const summary = { schemes, quantizedNodes: quantized.length, keptNodes: decisions.length - quantized.length };
  writeModelDirectory(model, context.outputDirectory, {
    layout: 'per-tensor',
    info,
    quantization: summary,
    companions: companionsOf(directory),
  });
  writeFileSync(
    join(context.outputDirectory, 'quantization.json'),
    `${JSON.stringify({ format: 1, rules: rulesSummary(rules, decisions), nodes }, null, 2)}\n`,
  );
  const kept = decisions.filter(({ scheme }) => scheme === undefined).map(({ layer }) => layer.name);
  const bytes = [...model.graph.initializers.values()].reduce(
    (sum, { initializer }) => sum + (initializer?.byteLength ?? 0),
    0,
  );
  return {
    metrics: {
      ...summary,
      kept,
      bytes,
      largestWeightError: largestError(nodes),
      rules: rulesSummary(rules, decisions),
    },
  };
}

/** What is said of a layer in `quantization.json`. Errors compare the weights before and after. */
interface LayerAccount extends JsonObject {
  readonly name: string;
  /** Number of the rule that decided, from 1; `null` when none matched. */
  readonly rule: number | null;
  readonly scheme: string | null;
  readonly inputFeatures: number;
  readonly outputFeatures: number;
  /** Relative error in the Frobenius norm. */
  readonly relativeError?: number;
  /** Largest absolute error of a weight. */
  readonly largestError?: number;
}

function account({ layer, rule, scheme }: Decision, error: WeightError | undefined): LayerAccount {
  const { name, inputFeatures, outputFeatures } = layer;
  const errors = error === undefined ? {} : { relativeError: error.relativeFrobenius, largestError: error.largest };
  return {
    name,
    rule: rule ?? null,
    scheme: scheme === undefined ? null : schemeText(scheme),
    inputFeatures,
    outputFeatures,
    ...errors,
  };
}

/** Quantizes the weights on all threads, then puts them into the model, in the order of the layers. */
async function quantizeLayers(
  model: Model,
  decisions: readonly Decision[],
  { threads, report }: Pick<WorkContext, 'threads' | 'report'>,
): Promise<readonly LayerAccount[]> {
  const selected = decisions.filter(({ scheme }) => scheme !== undefined);
  const jobs = selected.map(({ layer, scheme }) => weightJob(layer, scheme!));
  const weights = await spread({ jobs, run, module: weightJobModule }, threads, (done) =>
    report({ done, total: jobs.length, unit: 'layers' }),
  );
  const quantized = new Map(selected.map((decision, index) => [decision, weights[index]!]));
  return decisions.map((decision) => {
    const result = quantized.get(decision);
    if (result !== undefined) replaceLayer(model, decision.layer, result);
    return account(decision, result?.error);
  });
}

function rulesSummary(rules: readonly Rule[], decisions: readonly Decision[]): JsonObject[] {
  return rules.map((rule, index) => {
    const matched = decisions.filter((decision) => decision.rule === index + 1).map(({ layer }) => layer.name);
    return { rule: index + 1, result: 'scheme' in rule ? schemeText(resolveScheme(rule.scheme)) : 'kept', matched };
  });
}

function largestError(nodes: readonly LayerAccount[]): number {
  return Math.max(0, ...nodes.map(({ relativeError }) => relativeError ?? 0));
}
