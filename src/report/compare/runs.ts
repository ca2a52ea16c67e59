import type { Action } from '../../build/action.js';
import type { Difference } from '../../build/differences.js';
import { actionDifferences } from '../../build/differences.js';
import type { StageOutcome } from '../../build/events.js';
import type { Run } from '../../build/runs.js';
import type { Json } from '../../json.js';
import type { NameChanges } from './files.js';
import { nameChanges } from './files.js';
import { compareJson } from './json-values.js';

/** How a stage of two runs differs. */
export interface ChangedStage {
  readonly name: string;
  readonly statusBefore: StageOutcome['status'];
  readonly statusAfter: StageOutcome['status'];
  readonly durationMsBefore: number;
  readonly durationMsAfter: number;
  /** Digests of the artifacts; `null` where there is none. */
  readonly digestBefore: string | null;
  readonly digestAfter: string | null;
  /** What went into it that is not the same; empty also where an action is no longer in the store. */
  readonly reasons: readonly Difference[];
  readonly metrics: readonly { readonly metric: string; readonly before: Json; readonly after: Json }[];
}

export interface RunChanges extends NameChanges {
  /** Stages with another key, artifact, status or metric. */
  readonly changed: readonly ChangedStage[];
  /** How many stages are the same in both. */
  readonly unchanged: number;
}

/** Compares two runs stage by stage. `actionOf` finds the action of a key. */
export function compareRuns(before: Run, after: Run, actionOf: (key: string) => Action | undefined): RunChanges {
  const beforeStages = new Map(before.stages.map((stage) => [stage.name, stage]));
  const afterStages = new Map(after.stages.map((stage) => [stage.name, stage]));
  const common = [...beforeStages.values()].flatMap((stage) => {
    const other = afterStages.get(stage.name);
    return other === undefined ? [] : [compareStage(stage, other, actionOf)];
  });
  const changed = common.filter(isChanged);
  return { ...nameChanges(beforeStages, afterStages), changed, unchanged: common.length - changed.length };
}

function compareStage(
  before: StageOutcome,
  after: StageOutcome,
  actionOf: (key: string) => Action | undefined,
): ChangedStage {
  const [actionBefore, actionAfter] = [before.key, after.key].map((key) => (key === null ? undefined : actionOf(key)));
  return {
    name: before.name,
    statusBefore: before.status,
    statusAfter: after.status,
    durationMsBefore: before.durationMs,
    durationMsAfter: after.durationMs,
    digestBefore: before.digest,
    digestAfter: after.digest,
    reasons:
      actionBefore === undefined || actionAfter === undefined ? [] : actionDifferences(actionBefore, actionAfter),
    metrics: compareJson('', before.metrics, after.metrics).map(({ pointer, ...values }) => ({
      metric: pointer.slice(1),
      before: values.before,
      after: values.after,
    })),
  };
}

/** A stage that was built in one run and cached in the other is the same. */
function isChanged({ statusBefore, statusAfter, reasons, metrics, ...digests }: ChangedStage): boolean {
  const finished = (status: StageOutcome['status']): boolean => status === 'built' || status === 'cached';
  const statusChanged = statusBefore !== statusAfter && !(finished(statusBefore) && finished(statusAfter));
  return statusChanged || digests.digestBefore !== digests.digestAfter || reasons.length > 0 || metrics.length > 0;
}
