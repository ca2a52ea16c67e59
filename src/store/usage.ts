import { readFileSync } from 'node:fs';
import { systemErrorCode } from '../errors.js';
import { isJsonObject } from '../json.js';
import { writeStoreFile } from './atomic.js';
import type { Layout } from './layout.js';
import type { Locks } from './locks.js';

/**
 * How large the store is, kept up to date by everybody who adds to it. What a killed process added is missing from it
 * until the next gc counts.
 */
export interface Usage {
  readonly sizeBytes: number;
  /** What the last gc left, in bytes: it found no more to remove. */
  readonly leftBytes: number;
  /** When the last gc ended, in milliseconds since 1970. */
  readonly countedAtMs: number;
}

/** `undefined` when nobody has counted yet. */
export function readUsage(layout: Layout): Usage | undefined {
  try {
    const value: unknown = JSON.parse(readFileSync(layout.usage, 'utf8'));
    if (!isJsonObject(value)) return undefined;
    const { sizeBytes, leftBytes, countedAtMs } = value;
    const isWhole = typeof sizeBytes === 'number' && typeof leftBytes === 'number' && typeof countedAtMs === 'number';
    return isWhole ? { sizeBytes, leftBytes, countedAtMs } : undefined;
  } catch (error) {
    if (error instanceof SyntaxError || systemErrorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}

/** Not flushed to disk: when it is lost, the next gc counts. */
export function writeUsage(layout: Layout, usage: Usage): void {
  writeStoreFile(layout, layout.usage, `${JSON.stringify(usage)}\n`, { durable: false });
}

/** Counts bytes that were added. */
export async function addUsage(layout: Layout, locks: Locks, addedBytes: number): Promise<void> {
  if (addedBytes === 0 || readUsage(layout) === undefined) return;
  const lock = await locks.acquire('usage', 'exclusive');
  try {
    const usage = readUsage(layout);
    if (usage !== undefined) writeUsage(layout, { ...usage, sizeBytes: usage.sizeBytes + addedBytes });
  } finally {
    lock.release();
  }
}
