import type { Recipe, ResolvedStage } from '../recipe/load.js';
import type { Digest } from '../store/digest.js';
import type { Store } from '../store/store.js';
import type { Action, ActionKey } from './action.js';
import { actionFormat, actionKey, keyParameters } from './action.js';
import { engineVersions, hardwareFingerprint } from './engines.js';
import type { PendingDownload } from './locate.js';
import { pendingDownloads } from './locate.js';
import type { ActionRecord } from './record.js';
import { parseRecord } from './record.js';
import type { ResolvedSource } from './sources.js';
import { resolveSource } from './sources.js';

/** An action with what is needed to run it. */
export interface ConcreteAction {
  readonly action: Action;
  readonly key: ActionKey;
  readonly sources: readonly ResolvedSource[];
}

/**
 * What a build would do with a stage:
 * - `cached`: its result is in the store
 * - `run`: it has none, or is forced to run again
 * - `pending`: an input will be made anew, or a source has to be downloaded, so its key is not known yet; it stays cached
 *   if that input or source comes out unchanged
 */
export type StagePlan =
  | {
      readonly state: 'cached';
      readonly stage: ResolvedStage;
      readonly concrete: ConcreteAction;
      readonly record: ActionRecord;
    }
  | {
      readonly state: 'run';
      readonly stage: ResolvedStage;
      readonly concrete: ConcreteAction;
      readonly forced: boolean;
    }
  | {
      readonly state: 'pending';
      readonly stage: ResolvedStage;
      readonly waitsFor: readonly string[];
      readonly downloads: readonly PendingDownload[];
    };

export interface PlanOptions {
  /** Stages that run even when they have a result. `all` stands for every stage. */
  readonly force?: ReadonlySet<string> | 'all';
  readonly epoch?: number;
}

export function isForced(stage: string, options: PlanOptions): boolean {
  return options.force === 'all' || options.force?.has(stage) === true;
}

/** Makes a stage concrete, given the artifacts of its inputs. */
export async function concreteAction(
  store: Store,
  stage: ResolvedStage,
  artifactOf: (stageName: string) => Digest,
  epoch: number,
): Promise<ConcreteAction> {
  const requests = stage.kind.sources?.(stage.parameters) ?? [];
  const sources = await Promise.all(requests.map((request) => resolveSource(store, stage, request)));
  const pointers = requests.map(({ pointer }) => pointer);
  const action: Action = {
    format: actionFormat,
    kind: stage.kind.name,
    version: stage.kind.version,
    parameters: keyParameters(stage.kind, stage.parameters, pointers),
    inputs: Object.fromEntries(Object.entries(stage.inputs).map(([name, producer]) => [name, artifactOf(producer)])),
    sources: Object.fromEntries(sources.map(({ pointer, digest }) => [pointer, digest])),
    engines: engineVersions(stage.kind),
    ...(stage.kind.measures === true ? { hardware: hardwareFingerprint() } : {}),
    epoch,
  };
  return { action, key: actionKey(action), sources };
}

/** The record of a key whose artifact is wholly in the store. */
export function findRecord(store: Store, key: ActionKey): ActionRecord | undefined {
  const value = store.readRecord(key);
  const record = value === undefined ? undefined : parseRecord(value);
  return record !== undefined && store.hasTree(record.artifact) ? record : undefined;
}

/** Like `findRecord`, and gc leaves the record and its artifact alone until the use of the store ends. */
export function claimRecord(store: Store, key: ActionKey): Promise<ActionRecord | undefined> {
  return store.claimRecord(key, parseRecord);
}

/** Plans the given stages (in topological order), without running or changing anything. */
export async function planStages(
  store: Store,
  stages: readonly ResolvedStage[],
  options: PlanOptions = {},
): Promise<StagePlan[]> {
  const plans = new Map<string, StagePlan>();
  for (const stage of stages) {
    plans.set(stage.name, await planStage(store, stage, plans, options));
  }
  return [...plans.values()];
}

async function planStage(
  store: Store,
  stage: ResolvedStage,
  plans: ReadonlyMap<string, StagePlan>,
  options: PlanOptions,
): Promise<StagePlan> {
  const waitsFor = Object.values(stage.inputs).filter((producer) => plans.get(producer)?.state !== 'cached');
  const downloads = pendingDownloads(stage);
  if (waitsFor.length > 0 || downloads.length > 0) return { state: 'pending', stage, waitsFor, downloads };
  const artifactOf = (producer: string): Digest => {
    const plan = plans.get(producer);
    if (plan?.state !== 'cached') throw new Error(`stage ${producer} is not planned before ${stage.name}`);
    return plan.record.artifact;
  };
  const concrete = await concreteAction(store, stage, artifactOf, options.epoch ?? 0);
  const forced = isForced(stage.name, options);
  const record = forced ? undefined : findRecord(store, concrete.key);
  return record === undefined
    ? { state: 'run', stage, concrete, forced }
    : { state: 'cached', stage, concrete, record };
}

/** The named stages and everything they need, in the order of the recipe. All stages when no name is given. */
export function selectStages(recipe: Recipe, names: readonly string[]): readonly ResolvedStage[] {
  if (names.length === 0) return recipe.stages;
  const byName = new Map(recipe.stages.map((stage) => [stage.name, stage]));
  const wanted = new Set<string>();
  const visit = (name: string): void => {
    if (wanted.has(name)) return;
    wanted.add(name);
    for (const producer of Object.values(byName.get(name)?.inputs ?? {})) visit(producer);
  };
  names.forEach(visit);
  return recipe.stages.filter((stage) => wanted.has(stage.name));
}
