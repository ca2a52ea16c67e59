import type { ResolvedStage } from '../recipe/load.js';
import type { StageError, StageOutcome } from './events.js';
import { checkGates } from './gates.js';
import type { ActionRecord } from './record.js';

const nothing = { key: null, digest: null, durationMs: 0, cpuMs: 0, peakRssBytes: 0, metrics: {}, gates: [] } as const;

/** The outcome of a stage that has a result. Gates are checked on cached results as well. */
export function finishedOutcome(stage: ResolvedStage, status: 'built' | 'cached', record: ActionRecord): StageOutcome {
  return {
    name: stage.name,
    kind: stage.kind.name,
    key: record.key,
    status,
    digest: record.artifact,
    durationMs: record.durationMs,
    cpuMs: record.cpuMs,
    peakRssBytes: record.peakRssBytes,
    metrics: record.metrics,
    gates: checkGates(stage.gates, record.metrics),
    headline: stage.kind.headline(record.metrics),
  };
}

export function failedOutcome(stage: ResolvedStage, key: string | null, error: StageError): StageOutcome {
  return { ...nothing, name: stage.name, kind: stage.kind.name, key, status: 'failed', error };
}

/** The outcome of a stage that did not start, because of `reason`. */
export function skippedOutcome(stage: ResolvedStage, reason: string): StageOutcome {
  return { ...nothing, name: stage.name, kind: stage.kind.name, status: 'skipped', error: { message: reason } };
}
