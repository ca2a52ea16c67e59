import { formatBytes } from '../format.js';
import type { Json } from '../json.js';
import type { Recipe, ResolvedStage } from '../recipe/load.js';
import type { Digest } from '../store/digest.js';
import type { Store } from '../store/store.js';
import type { Action } from './action.js';
import type { Difference } from './differences.js';
import { actionDifferences } from './differences.js';
import type { RecipeHistory } from './history.js';
import { readHistory } from './history.js';
import type { PendingDownload } from './locate.js';
import { readLockFile } from './lock-file.js';
import type { StagePlan } from './plan.js';
import { concreteAction } from './plan.js';
import { parseRecord } from './record.js';

/** Why a build would run a stage, or why it did the last time. */
export interface Explanation {
  readonly stage: string;
  readonly status: StagePlan['state'];
  /** In one sentence. */
  readonly summary: string;
  readonly reasons: readonly Difference[];
  /** For a stage that waits: what its inputs say. */
  readonly inputs: readonly Explanation[];
}

/** Explains the plan of a stage by comparing it with the last build on this machine, or else with the lock file. */
export class Explainer {
  readonly #store: Store;
  readonly #plans: ReadonlyMap<string, StagePlan>;
  readonly #history: RecipeHistory;
  readonly #lockedKeys: ReadonlyMap<string, string>;

  constructor(store: Store, recipe: Recipe, plans: readonly StagePlan[]) {
    this.#store = store;
    this.#plans = new Map(plans.map((plan) => [plan.stage.name, plan]));
    this.#history = readHistory(store, recipe);
    const locked = Object.entries(readLockFile(recipe)?.stages ?? {});
    this.#lockedKeys = new Map(locked.flatMap(([name, entry]) => ('key' in entry ? [[name, entry.key]] : [])));
  }

  async explain(stageName: string): Promise<Explanation> {
    const plan = this.#plans.get(stageName);
    if (plan === undefined) throw new Error(`stage ${stageName} is not part of the plan`);
    switch (plan.state) {
      case 'cached':
        return this.#explainCached(plan);
      case 'run':
        return this.#explainRun(plan);
      case 'pending':
        return this.#explainPending(plan);
    }
  }

  async #explainCached(plan: StagePlan & { state: 'cached' }): Promise<Explanation> {
    const known = this.#history.get(plan.stage.name);
    const earlierKey = known?.key === plan.concrete.key ? known.previousKey : known?.key;
    const earlier = this.#actionOf(earlierKey);
    const reasons = earlier === undefined ? [] : actionDifferences(earlier, plan.concrete.action);
    const since = reasons.length === 0 ? '' : '; since the result before it, this has changed';
    return explanation(plan, `${plan.stage.name} is up to date: its result is in the store${since}`, reasons);
  }

  async #explainRun(plan: StagePlan & { state: 'run' }): Promise<Explanation> {
    const name = plan.stage.name;
    if (plan.forced) return explanation(plan, `${name} will be built: it is forced`, []);
    const knownKey = this.#knownKey(name);
    if (knownKey === plan.concrete.key) {
      return explanation(plan, `${name} will be built: nothing has changed, but its result is not in the store`, []);
    }
    const earlier = this.#actionOf(knownKey);
    if (earlier === undefined)
      return explanation(plan, `${name} will be built: there is no earlier result to compare with`, []);
    const reasons = actionDifferences(earlier, plan.concrete.action);
    return explanation(plan, `${name} will be built: ${countText(reasons.length)} changed`, reasons);
  }

  async #explainPending(plan: StagePlan & { state: 'pending' }): Promise<Explanation> {
    const { stage, downloads } = plan;
    const inputs = await Promise.all(plan.waitsFor.map((name) => this.explain(name)));
    const parameters = Object.entries(stage.inputs).filter(([, producer]) => plan.waitsFor.includes(producer));
    const causes = parameters.map(([parameter, producer]) => `its input \`${parameter}\` (stage ${producer})`);
    const earlier = this.#actionOf(this.#knownKey(stage.name));
    const isKnown = earlier !== undefined && downloads.length === 0;
    const reasons = isKnown ? await this.#pendingDifferences(stage, earlier, plan.waitsFor) : [];
    const built = causes.length === 0 ? [] : [`${causes.join(' and ')}, which will be built`];
    const summary = `${stage.name} waits for ${[...downloads.map(downloadText), ...built].join('; and for ')}`;
    return { ...explanation(plan, summary, reasons), inputs };
  }

  /** The differences as far as they are known before the inputs are built: the new digest of such an input is `null`. */
  async #pendingDifferences(stage: ResolvedStage, earlier: Action, waitsFor: readonly string[]): Promise<Difference[]> {
    const unknown = '' as Digest;
    const artifactOf = (producer: string): Digest => {
      const plan = this.#plans.get(producer);
      return plan?.state === 'cached' ? plan.record.artifact : unknown;
    };
    const { action } = await concreteAction(this.#store, stage, artifactOf, earlier.epoch);
    const pendingFields = new Set(
      Object.entries(stage.inputs).flatMap(([parameter, producer]) =>
        waitsFor.includes(producer) ? [`inputs.${parameter}`] : [],
      ),
    );
    return actionDifferences(earlier, action).map((difference) =>
      pendingFields.has(difference.field) ? { ...difference, after: null satisfies Json } : difference,
    );
  }

  #knownKey(stageName: string): string | undefined {
    return this.#history.get(stageName)?.key ?? this.#lockedKeys.get(stageName);
  }

  #actionOf(key: string | undefined): Action | undefined {
    const value = key === undefined ? undefined : this.#store.readRecord(key);
    return value === undefined ? undefined : parseRecord(value)?.action;
  }
}

function explanation(plan: StagePlan, summary: string, reasons: readonly Difference[]): Explanation {
  return { stage: plan.stage.name, status: plan.state, summary, reasons, inputs: [] };
}

/** `hf:org/name@<commit>, which would be downloaded: 2.42 GiB`. */
export function downloadText({ origin, sizeBytes }: PendingDownload): string {
  return `${origin}, which would be downloaded${sizeBytes === undefined ? '' : `: ${formatBytes(sizeBytes)}`}`;
}

function countText(count: number): string {
  return count === 1 ? 'one thing has' : `${count} things have`;
}
