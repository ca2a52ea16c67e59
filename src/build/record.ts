import type { JsonObject } from '../json.js';
import { isJsonObject } from '../json.js';
import type { Digest } from '../store/digest.js';
import { isDigest } from '../store/digest.js';
import type { Action, ActionKey } from './action.js';

/** What is known about a finished action. Measured times live here, never inside an artifact. */
export interface ActionRecord {
  readonly format: 1;
  readonly key: ActionKey;
  readonly action: Action;
  /** Digest of the tree the action made. */
  readonly artifact: Digest;
  /** Digest of the log blob. */
  readonly log: Digest;
  readonly sizeBytes: number;
  readonly metrics: JsonObject;
  readonly finishedAt: string;
  readonly durationMs: number;
  /** User and system CPU time. */
  readonly cpuMs: number;
  readonly peakRssBytes: number;
  readonly machine: JsonObject;
  /** How many parts it was made of, by what they are called; absent for work without parts. */
  readonly parts?: { readonly [unit: string]: number };
}

/** A record as read from the store, or `undefined` when it doesn't have the form of one. */
export function parseRecord(value: JsonObject): ActionRecord | undefined {
  const { format, key, action, artifact, log, metrics } = value;
  const wellFormed =
    format === 1 &&
    typeof key === 'string' &&
    isJsonObject(action) &&
    isDigest(artifact) &&
    isDigest(log) &&
    isJsonObject(metrics);
  return wellFormed ? (value as unknown as ActionRecord) : undefined;
}
