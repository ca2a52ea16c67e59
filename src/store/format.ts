import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { QuernError, systemErrorCode } from '../errors.js';
import { isJsonObject } from '../json.js';
import { writeStoreFile } from './atomic.js';
import type { Layout } from './layout.js';
import { storeFormat } from './layout.js';
import { describeHolder, Locks } from './locks.js';
import { oldestSessionMs } from './session.js';

/** Converts a store of one format to the next one. It may be killed at any instant and is then called again. */
export interface Migration {
  readonly from: number;
  migrate(layout: Layout): void;
}

export interface FormatOptions {
  readonly current?: number;
  readonly migrations?: readonly Migration[];
}

/** One for each format before the present one. */
const knownMigrations: readonly Migration[] = [];

/** Makes a directory a store of the present format: creates it, or converts an older one. Refuses everything else. */
export function ensureFormat(layout: Layout, options: FormatOptions = {}): void {
  const { current = storeFormat, migrations = knownMigrations } = options;
  const found = readFormat(layout);
  if (found === current) return;
  if (found === undefined) createStore(layout, current);
  else if (typeof found === 'number' && found < current) migrateStore(layout, current, migrations);
  else throw refused(layout, found, current);
}

/** The format of a store, `undefined` when there is none, `unreadable` when something else is in its place. */
function readFormat(layout: Layout): number | 'unreadable' | undefined {
  try {
    const value: unknown = JSON.parse(readFileSync(layout.format, 'utf8'));
    return isJsonObject(value) && typeof value.format === 'number' ? value.format : 'unreadable';
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return undefined;
    if (error instanceof SyntaxError) return 'unreadable';
    throw error;
  }
}

function refused(layout: Layout, found: number | string | undefined, current: number): QuernError {
  const what = typeof found === 'number' ? `has format ${found}` : 'has an unreadable format.json';
  return new QuernError('cache', `the cache ${layout.root} ${what}; this version of quern uses format ${current}`, {
    suggestion: 'choose another directory with --cache, or delete this one',
  });
}

function writeFormat(layout: Layout, format: number): void {
  writeStoreFile(layout, layout.format, `${JSON.stringify({ format })}\n`);
}

/** What may be in a directory that becomes a store, besides hidden files and what an interrupted creation left. */
const harmlessNames = new Set(['README.md', 'lost+found']);

function createStore(layout: Layout, format: number): void {
  mkdirSync(layout.root, { recursive: true });
  const ownNames = new Set(
    [layout.format, layout.links, layout.usage, ...layout.directories()].map((path) => basename(path)),
  );
  for (const name of readdirSync(layout.root)) {
    if (name.startsWith('.') || harmlessNames.has(name) || ownNames.has(name)) continue;
    throw new QuernError('cache', `${layout.root} is not a cache of quern: it holds ${name}`, {
      suggestion: 'choose an empty or new directory with --cache',
    });
  }
  for (const directory of layout.directories()) mkdirSync(directory, { recursive: true });
  writeFormat(layout, format);
}

/** Converts step by step, alone: nobody else may convert or use the store meanwhile. Each step is noted when it is done. */
function migrateStore(layout: Layout, current: number, migrations: readonly Migration[]): void {
  const locks = new Locks(layout);
  const lock = locks.tryAcquire('format', 'exclusive', 'convert the cache');
  if (lock === undefined) throw busy(layout, `it is being converted, ${describeHolder(locks.holder('format'))}`);
  try {
    if (oldestSessionMs(layout) !== undefined) throw busy(layout, 'a build of an older quern uses it');
    for (let format = readFormat(layout); format !== current; format = readFormat(layout)) {
      const migration = migrations.find(({ from }) => from === format);
      if (typeof format !== 'number' || migration === undefined) throw refused(layout, format, current);
      migration.migrate(layout);
      writeFormat(layout, format + 1);
    }
  } finally {
    lock.release();
  }
}

function busy(layout: Layout, reason: string): QuernError {
  return new QuernError('cache', `the cache ${layout.root} can't be used now: ${reason}`, {
    suggestion: 'wait until that has ended, and try again',
  });
}
