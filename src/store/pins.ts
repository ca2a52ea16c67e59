import { readFileSync, rmSync } from 'node:fs';
import { systemErrorCode } from '../errors.js';
import { isJsonObject, sha256 } from '../json.js';
import { writeStoreFile } from './atomic.js';
import { namesIn } from './directory-files.js';
import type { Layout } from './layout.js';

/** A result that gc keeps until it is unpinned. */
export interface Pin {
  /** Absolute path of the recipe. */
  readonly recipe: string;
  readonly stage: string;
  /** Key of the record. */
  readonly key: string;
  readonly pinnedAt: string;
}

export function writePin(layout: Layout, pin: Pin): void {
  writeStoreFile(layout, pinPath(layout, pin), `${JSON.stringify(pin)}\n`);
}

export function removePin(layout: Layout, pin: Pin): void {
  rmSync(pinPath(layout, pin), { force: true });
}

/** All pins, sorted by recipe, stage and time. */
export function listPins(layout: Layout): Pin[] {
  return namesIn(layout.pins)
    .flatMap((name) => readPin(`${layout.pins}/${name}`) ?? [])
    .sort((one, other) => (orderOf(one) < orderOf(other) ? -1 : 1));
}

function orderOf({ recipe, stage, pinnedAt }: Pin): string {
  return [recipe, stage, pinnedAt].join('\0');
}

/** One recipe may pin a stage in several states: each has a file of its own. */
function pinPath(layout: Layout, { recipe, stage, key }: Pin): string {
  return `${layout.pins}/${sha256([recipe, stage, key].join('\0'))}.json`;
}

function readPin(path: string): Pin | undefined {
  try {
    const value: unknown = JSON.parse(readFileSync(path, 'utf8'));
    return isPin(value) ? value : undefined;
  } catch (error) {
    if (error instanceof SyntaxError || systemErrorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}

function isPin(value: unknown): value is Pin {
  if (!isJsonObject(value)) return false;
  return ['recipe', 'stage', 'key', 'pinnedAt'].every((name) => typeof value[name] === 'string');
}
