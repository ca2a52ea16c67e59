import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { systemErrorCode } from '../errors.js';
import type { JsonObject } from '../json.js';
import { isJsonObject } from '../json.js';
import { isDigest } from '../store/digest.js';
import type { Store } from '../store/store.js';
import type { BuildStatus, StageOutcome } from './events.js';

/** A build that ran something, as its event log tells it. */
export interface Run {
  readonly id: string;
  /** Name of the recipe file as it was given. */
  readonly recipe: string;
  readonly recipePath: string;
  readonly startedAt: string;
  /** `unfinished`: it still runs, or it was killed. */
  readonly status: BuildStatus | 'unfinished';
  /** `null` while it is unfinished. */
  readonly durationMs: number | null;
  /** The stages that ended, in the order in which they did. */
  readonly stages: readonly RunStage[];
}

export interface RunStage extends StageOutcome {
  readonly endedAt: string;
}

/** Ids of the runs in a store, the last one first. */
export function listRunIds(store: Store): string[] {
  try {
    return readdirSync(store.layout.runs).sort().reverse();
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return [];
    throw error;
  }
}

/** The runs of a recipe, the last one first, read as far as they are asked for. */
export function* runsOf(store: Store, recipePath: string): Generator<Run> {
  for (const id of listRunIds(store)) {
    const run = readRun(store, id);
    if (run?.recipePath === recipePath) yield run;
  }
}

/** The run of an id; `undefined` when there is none or its log is damaged. */
export function readRun(store: Store, id: string): Run | undefined {
  const events = readEvents(store, id);
  const started = events.find(({ type }) => type === 'build-started');
  if (started === undefined) return undefined;
  const { recipe, recipePath, time } = started;
  if (typeof recipe !== 'string' || typeof recipePath !== 'string' || typeof time !== 'string') return undefined;
  const ended = events.find(({ type }) => type === 'build-ended');
  return {
    id,
    recipe,
    recipePath,
    startedAt: time,
    status: isBuildStatus(ended?.status) ? ended.status : 'unfinished',
    durationMs: typeof ended?.durationMs === 'number' ? ended.durationMs : null,
    stages: events.flatMap((event) => runStage(event) ?? []),
  };
}

/** What a stage printed in a run. */
export function readRunLog(store: Store, id: string, stage: string): string[] {
  return readEvents(store, id).flatMap((event) =>
    event.type === 'stage-log' && event.stage === stage && typeof event.line === 'string' ? [event.line] : [],
  );
}

function runStage({ type, time, outcome }: JsonObject): RunStage | undefined {
  if (type !== 'stage-ended' || typeof time !== 'string') return undefined;
  const ended: unknown = outcome;
  return isOutcome(ended) ? { ...ended, endedAt: time } : undefined;
}

/** A line that is no event, such as the unfinished last one of a killed build, is left out. */
function readEvents(store: Store, id: string): JsonObject[] {
  let text: string;
  try {
    text = readFileSync(join(store.layout.runs, id, 'events.jsonl'), 'utf8');
  } catch (error) {
    const code = systemErrorCode(error);
    if (code === 'ENOENT' || code === 'ENOTDIR') return [];
    throw error;
  }
  return text.split('\n').flatMap((line) => {
    try {
      const event: unknown = JSON.parse(line);
      return isJsonObject(event) ? [event] : [];
    } catch {
      return [];
    }
  });
}

function isBuildStatus(value: unknown): value is BuildStatus {
  return value === 'ok' || value === 'failed' || value === 'gate' || value === 'interrupted';
}

const outcomeStatuses: ReadonlySet<unknown> = new Set(['built', 'cached', 'failed', 'skipped']);

function isOutcome(value: unknown): value is StageOutcome {
  if (!isJsonObject(value)) return false;
  const { name, kind, key, digest, status, durationMs, metrics, gates, error } = value;
  return (
    typeof name === 'string' &&
    typeof kind === 'string' &&
    (key === null || (typeof key === 'string' && /^[0-9a-f]{64}$/.test(key))) &&
    (digest === null || isDigest(digest)) &&
    outcomeStatuses.has(status) &&
    typeof durationMs === 'number' &&
    isJsonObject(metrics) &&
    Array.isArray(gates) &&
    (error === undefined || (isJsonObject(error) && typeof error.message === 'string'))
  );
}
