import { statfsSync } from 'node:fs';
import type { Diagnostic } from '../errors.js';
import { formatBytes } from '../format.js';
import type { Recipe, ResolvedStage } from '../recipe/load.js';
import type { Store } from '../store/store.js';
import type { Estimate } from './estimates.js';
import { readEstimates } from './estimates.js';
import type { StagePlan } from './plan.js';

/** Stages that ask for more memory than builds may use: they can't fit, whatever runs beside them. */
export function memoryProblems(stages: readonly ResolvedStage[], budgetBytes: number): Diagnostic[] {
  return stages.flatMap(({ name, resources, locate }): Diagnostic[] => {
    const { memoryBytes } = resources;
    if (memoryBytes === undefined || memoryBytes <= budgetBytes) return [];
    const message = `\`${name}\` asks for ${formatBytes(memoryBytes)} of memory, but builds here may use ${formatBytes(budgetBytes)}`;
    const suggestion = 'ask for less, or raise --memory';
    return [{ severity: 'error', message, location: locate(['resources', 'memory']), suggestion }];
  });
}

/** Stages that the last time took more memory than they may use now, as lines for people. */
export function memoryWarnings(
  plans: readonly StagePlan[],
  estimates: ReadonlyMap<string, Estimate>,
  budgetBytes: number,
): readonly string[] {
  return plans.flatMap(({ stage: { name, resources } }) => {
    const limitBytes = resources.memoryBytes ?? budgetBytes;
    const peakRssBytes = estimates.get(name)?.peakRssBytes ?? 0;
    if (peakRssBytes <= limitBytes) return [];
    return [
      `\`${name}\` took ${formatBytes(peakRssBytes)} of memory the last time, and would be stopped at ${formatBytes(limitBytes)}`,
    ];
  });
}

/** What the stages that are not cached are expected to take, by their last results. */
export interface Expectation {
  /** Stages that will run, or may. */
  readonly stages: number;
  /** Those among them that have run before, so that something is known of them. */
  readonly known: number;
  readonly durationMs: number;
  /** What the store is expected to grow by at the most: content it has already is not stored again. */
  readonly sizeBytes: number;
  readonly peakRssBytes: number;
  /** On the file system of the store. */
  readonly freeBytes: number;
}

/** The last results of the stages that are not cached. */
export function plannedEstimates(
  store: Store,
  recipe: Recipe,
  plans: readonly StagePlan[],
): ReadonlyMap<string, Estimate> {
  const toBuild = plans.filter(({ state }) => state !== 'cached').map(({ stage }) => stage);
  return readEstimates(store, recipe, toBuild);
}

export function expectationOf(
  store: Store,
  plans: readonly StagePlan[],
  planned: ReadonlyMap<string, Estimate>,
): Expectation {
  const estimates = [...planned.values()];
  const { bavail, bsize } = statfsSync(store.root);
  return {
    stages: plans.filter(({ state }) => state !== 'cached').length,
    known: estimates.length,
    durationMs: estimates.reduce((sum, { durationMs }) => sum + durationMs, 0),
    sizeBytes: estimates.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
    peakRssBytes: Math.max(0, ...estimates.map(({ peakRssBytes }) => peakRssBytes)),
    freeBytes: bavail * bsize,
  };
}
