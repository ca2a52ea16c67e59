import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { JsonObject } from '../../json.js';
import { type Embedding, findEmbeddings } from '../../models/embeddings.js';
import type { LinearLayer } from '../../models/linear-layers.js';
import { findLinearLayers } from '../../models/linear-layers.js';
import {
  companionsOf,
  type ModelDirectory,
  openModelDirectory,
  writeModelDirectory,
} from '../../models/model-directory.js';
import { spread } from '../../numerics/threads/spread.js';
import type { Model } from '../../onnx/model.js';
import type { Value } from '../../onnx/node.js';
import { schemeText } from '../../quant/schemes.js';
import type { DatasetParameters } from '../dataset-windows.js';
import type { WorkContext, WorkResult } from '../kind.js';
import { largestErrors } from '../layerwise/largest-errors.js';
import { account, type OperatorAccount, type Outcome } from './account.js';
import type { MeasureOutputErrors } from './output-errors.js';
import { quantizeEmbedding } from './quantize-embedding.js';
import { replaceLayer } from './replace-layer.js';
import type { Rule } from './rule.js';
import { ruleSchemeText } from './rule-scheme.js';
import type { Decision } from './rules.js';
import { applyRules } from './rules.js';
import { staticLimits } from './static-limits.js';
import { WeightGroups } from './weight-groups.js';
import { run, weightJob, weightJobModule } from './weight-job.js';

export interface QuantizeParameters {
  readonly rules: readonly Rule[];
  /** The text on whose tokens the errors of outputs are taken; they are not when left out. */
  readonly dataset?: DatasetParameters;
}

/**
 * Quantizes the linear layers and embeddings that the rules select, and says what it did to each: to its weight, and with a
 * data set to its output.
 */
export async function quantize(context: WorkContext<QuantizeParameters>): Promise<WorkResult> {
  const { rules, dataset } = context.parameters;
  const directory = context.inputs.model!;
  const opened = openModelDirectory(directory);
  const { model, info } = opened;
  const measure = dataset && (await prepareMeasuring(context, dataset, opened));
  const { layers, embeddings } = applyRules(findLinearLayers(model.graph), findEmbeddings(model.graph), rules);
  const decisions: readonly Decision[] = [...embeddings, ...layers];
  const limits = staticLimits(layers, context.inputs.stats);
  const weights = new WeightGroups(context);
  const bytesBefore = byteLengthOf(model, constantsOf(model));
  const accounts = [
    ...embeddings.map((decision) => quantizeTable(model, decision)),
    ...(await quantizeLayers(model, layers, limits, weights, context)),
  ];
  model.graph.removeUnused();
  const quantized = layers.filter(({ scheme }) => scheme !== undefined);
  const schemes = [...new Set(decisions.flatMap(({ scheme }) => scheme ?? []).map(schemeText))].sort();
  const quantizedEmbeddings = embeddings
    .filter(({ scheme }) => scheme !== undefined)
    .map(({ operator }) => operator.name);
  const summary = {
    schemes,
    quantizedNodes: quantized.length,
    keptNodes: layers.length - quantized.length,
    ...(quantizedEmbeddings.length === 0 ? {} : { embeddings: quantizedEmbeddings }),
  };
  writeModelDirectory(model, context.outputDirectory, {
    layout: 'per-tensor',
    info,
    quantization: summary,
    companions: companionsOf(directory),
    written: weights.places,
    onTensor: (path) => path !== undefined && context.finished(path),
  });
  const nodes = measure === undefined ? accounts : await withOutputErrors(accounts, measure);
  writeFileSync(
    join(context.outputDirectory, 'quantization.json'),
    `${JSON.stringify({ format: 1, rules: rulesSummary(rules, decisions), nodes }, null, 2)}\n`,
  );
  const kept = layers.filter(({ scheme }) => scheme === undefined).map(({ operator }) => operator.name);
  return {
    metrics: {
      ...summary,
      kept,
      bytesBefore,
      bytes: byteLengthOf(model, constantsOf(model)),
      ...largestErrors(nodes),
      rules: rulesSummary(rules, decisions),
    },
  };
}

/** Loaded when there is a text: what reads and runs it takes as long to load as a small model to quantize. */
async function prepareMeasuring(
  context: WorkContext<QuantizeParameters>,
  dataset: DatasetParameters,
  opened: ModelDirectory,
): Promise<MeasureOutputErrors> {
  const { prepareOutputErrors } = await import('./output-errors.js');
  return prepareOutputErrors(context, dataset, opened);
}

async function withOutputErrors(
  accounts: readonly OperatorAccount[],
  measure: MeasureOutputErrors,
): Promise<readonly OperatorAccount[]> {
  const quantized = accounts.filter(({ scheme }) => scheme !== null).map(({ name }) => name);
  const errorOf = await measure(new Set(quantized));
  return accounts.map((each) => (each.scheme === null ? each : { ...each, ...errorOf(each.name) }));
}

function quantizeTable(model: Model, decision: Decision<Embedding>): OperatorAccount {
  const { operator, scheme } = decision;
  const { rows, features } = operator;
  if (scheme === undefined) return account(decision, { rows, features });
  const before = constantsOf(model);
  const error = quantizeEmbedding(model, operator, scheme);
  const sizeBytes = byteLengthOf(model, constantsOf(model).slice(before.length));
  return account(decision, { rows, features }, { error, sizeBytes });
}

/**
 * Quantizes the weights on all threads and puts them into the model, in the order of the layers.
 */
async function quantizeLayers(
  model: Model,
  decisions: readonly Decision<LinearLayer>[],
  limits: ReadonlyMap<Value, number>,
  weights: WeightGroups,
  { threads, report }: Pick<WorkContext, 'threads' | 'report'>,
): Promise<readonly OperatorAccount[]> {
  const selected = decisions.flatMap(({ operator, scheme }) => (scheme === undefined ? [] : [{ operator, scheme }]));
  const jobs = selected.map(({ operator, scheme }) => weightJob(operator, scheme));
  const outcomes = new Map<LinearLayer, Outcome>();
  await spread({ jobs, run, module: weightJobModule }, threads, (result, index) => {
    const { operator } = selected[index]!;
    const before = constantsOf(model);
    replaceLayer(model, operator, result, limits.get(operator.input));
    const added = constantsOf(model).slice(before.length);
    weights.move(model.graph, added, String(operator.decoderLayer ?? operator.name));
    outcomes.set(operator, { error: result.error, sizeBytes: byteLengthOf(model, added) });
    report({ done: index + 1, total: jobs.length, unit: 'layers' });
  });
  weights.end();
  return decisions.map((decision) => {
    const { inputFeatures, outputFeatures } = decision.operator;
    return account(decision, { inputFeatures, outputFeatures }, outcomes.get(decision.operator));
  });
}

/** Names of the constants of a model. New ones come last. */
function constantsOf({ graph }: Model): readonly string[] {
  return [...graph.initializers.keys()];
}

function byteLengthOf({ graph }: Model, names: Iterable<string>): number {
  return [...names].reduce((sum, name) => sum + (graph.initializers.get(name)?.initializer?.byteLength ?? 0), 0);
}

function rulesSummary(rules: readonly Rule[], decisions: readonly Decision[]): JsonObject[] {
  return rules.map((rule, index) => {
    const matched = decisions.filter((decision) => decision.rule === index + 1).map(({ operator }) => operator.name);
    return { rule: index + 1, result: 'scheme' in rule ? ruleSchemeText(rule.scheme) : 'kept', matched };
  });
}
