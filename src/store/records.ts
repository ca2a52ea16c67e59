import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { systemErrorCode } from '../errors.js';
import type { JsonObject } from '../json.js';
import { isJsonObject } from '../json.js';
import { writeStoreFile } from './atomic.js';
import type { Layout } from './layout.js';
import { quarantine } from './quarantine.js';

const keyForm = /^[0-9a-f]{64}$/;

function checkKey(key: string): void {
  if (!keyForm.test(key)) throw new Error(`${JSON.stringify(key)} is not the key of an action`);
}

/** The record of a key; `undefined` when there is none. One that is not JSON or of another key is quarantined. */
export function readRecord(layout: Layout, key: string): JsonObject | undefined {
  checkKey(key);
  const path = layout.action(key);
  try {
    const record: unknown = JSON.parse(readFileSync(path, 'utf8'));
    if (isJsonObject(record) && record.key === key && typeof record.format === 'number') return record;
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return undefined;
    if (!(error instanceof SyntaxError)) throw error;
  }
  quarantine(layout, path);
  return undefined;
}

/** Writes or replaces a record. Everything it refers to must be stored before. */
export function writeRecord(
  layout: Layout,
  record: JsonObject & { readonly format: number; readonly key: string },
): void {
  checkKey(record.key);
  writeStoreFile(layout, layout.action(record.key), `${JSON.stringify(record, undefined, 1)}\n`);
}

/** Keys of all records, sorted. */
export function listRecords(layout: Layout): string[] {
  return readdirSync(layout.actions)
    .map((name) => name.replace(/\.json$/, ''))
    .filter((key) => keyForm.test(key))
    .sort();
}

export function removeRecord(layout: Layout, key: string): void {
  checkKey(key);
  rmSync(layout.action(key), { force: true });
}
