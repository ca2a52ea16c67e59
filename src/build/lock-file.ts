import { existsSync, readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { QuernError } from '../errors.js';
import type { JsonObject } from '../json.js';
import { isJsonObject } from '../json.js';
import type { Recipe, ResolvedStage } from '../recipe/load.js';
import type { StageKind } from '../stages/kind.js';
import { writeFileAtomically } from '../store/atomic.js';
import { findingOf } from './locate.js';
import type { ActionRecord } from './record.js';

/**
 * What a recipe was built from and what came out: checked in beside the recipe. What differs between machines by design
 * is left out: the artifacts of stages whose last bits depend on the processor, and keys of stages that measure it.
 */
export interface LockFile {
  readonly sources: { readonly [source: string]: string };
  readonly stages: { readonly [stage: string]: LockedStage };
}

export type LockedStage = { readonly key: string; readonly artifact?: string } | { readonly measured: true };

/** `recipes/quickstart.yaml` is locked by `recipes/quickstart.lock.json`. */
export function lockFilePath(recipe: Pick<Recipe, 'path'>): string {
  return recipe.path.replace(/(\.ya?ml)?$/, '.lock.json');
}

/** The lock file of a recipe, or `undefined` when there is none. */
export function readLockFile(recipe: Pick<Recipe, 'path'>): LockFile | undefined {
  const path = lockFilePath(recipe);
  if (!existsSync(path)) return undefined;
  const damaged = (cause?: unknown): QuernError =>
    new QuernError('recipe', `${basename(path)} is not a lock file of quern`, {
      suggestion: 'restore it from version control, or delete it and build again',
      cause,
    });
  let value: unknown;
  try {
    value = JSON.parse(readFileSync(path, 'utf8'));
  } catch (error) {
    throw damaged(error);
  }
  if (!isJsonObject(value) || value.quern !== 1 || !isJsonObject(value.sources) || !isJsonObject(value.stages)) {
    throw damaged();
  }
  const entries = [...Object.values(value.sources), ...Object.values(value.stages).map(lockedStageText)];
  if (entries.some((entry) => typeof entry !== 'string')) throw damaged();
  return value as unknown as LockFile;
}

function lockedStageText(entry: unknown): string | undefined {
  if (!isJsonObject(entry)) return undefined;
  if (entry.measured === true) return 'measured';
  const { key, artifact = '' } = entry;
  return typeof key === 'string' && typeof artifact === 'string' ? `${key} ${artifact}`.trimEnd() : undefined;
}

/** The lock entries of finished stages. */
export function lockFileOf(
  recipe: Recipe,
  records: ReadonlyMap<string, ActionRecord>,
  sourcesOf: SourceDigests,
): LockFile {
  const sources: Record<string, string> = {};
  const stages: Record<string, LockedStage> = {};
  for (const stage of recipe.stages) {
    const record = records.get(stage.name);
    if (record === undefined) continue;
    stages[stage.name] = lockedStage(stage.kind, record);
    for (const [source, digest] of Object.entries(sourcesOf(stage.name))) sources[`${stage.name}.${source}`] = digest;
  }
  return { sources, stages };
}

function lockedStage(kind: StageKind, { key, artifact }: ActionRecord): LockedStage {
  if (kind.measures === true) return { measured: true };
  return kind.machineDependent === true ? { key } : { key, artifact };
}

export type SourceDigests = (stage: string) => { readonly [source: string]: string };

/** A source as the lock file has it: its digest and, of one from elsewhere, what it is exactly: `hf:org/name@<commit> sha256:...`. */
export function lockedSource(stage: ResolvedStage | undefined, pointer: string, digest: string): string {
  const finding = stage === undefined ? undefined : findingOf(stage, pointer.split('.'));
  return finding === undefined ? digest : `${finding.origin} ${digest}`;
}

/** The part of a lock entry that says what a source from elsewhere is. `undefined` for one of this machine. */
export function lockedOrigin(entry: string): string | undefined {
  return /^(.*) sha256:[0-9a-f]{64}$/.exec(entry)?.[1];
}

/** What two lock files disagree on, as lines for people. Only entries of `after` are looked at. */
export function lockDifferences(before: LockFile, after: LockFile): string[] {
  const lines: string[] = [];
  for (const [source, digest] of Object.entries(after.sources)) {
    const locked = before.sources[source];
    if (locked !== digest) lines.push(`source ${source}: locked ${locked ?? 'nothing'}, found ${digest}`);
  }
  for (const [stage, entry] of Object.entries(after.stages)) {
    const locked = lockedStageText(before.stages[stage]);
    const found = lockedStageText(entry);
    if (locked !== found) lines.push(`stage ${stage}: locked ${locked ?? 'nothing'}, found ${found}`);
  }
  return lines;
}

/** Writes the lock file with one sorted entry a line, so that version control merges it; does nothing when it is up to date. */
export function writeLockFile(recipe: Recipe, lock: LockFile): void {
  const text = lockText(lock);
  const path = lockFilePath(recipe);
  if (existsSync(path) && readFileSync(path, 'utf8') === text) return;
  writeFileAtomically(path, text);
}

function lockText(lock: LockFile): string {
  return `{\n"quern": 1,\n"sources": {\n${entries(lock.sources)}},\n"stages": {\n${entries(lock.stages as unknown as JsonObject)}}\n}\n`;
}

function entries(object: JsonObject): string {
  const lines = Object.keys(object)
    .sort()
    .map((name) => `${JSON.stringify(name)}: ${JSON.stringify(object[name])}`);
  return lines.length === 0 ? '' : `${lines.join(',\n')}\n`;
}
