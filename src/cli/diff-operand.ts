import { existsSync, statSync } from 'node:fs';
import { resolve } from 'node:path';
import type { Action } from '../build/action.js';
import { parseRecord } from '../build/record.js';
import type { Run } from '../build/runs.js';
import { listRunIds, readRun } from '../build/runs.js';
import { viewTree } from '../build/views.js';
import { QuernError } from '../errors.js';
import { nearest } from '../nearest.js';
import type { Side } from '../report/compare/side.js';
import { sideOfDirectory } from '../report/compare/side.js';
import type { Digest } from '../store/digest.js';
import { isDigest } from '../store/digest.js';
import type { Store } from '../store/store.js';
import { openFinishedStage } from './finished.js';
import type { CommonOptions } from './options.js';
import { openStore } from './project.js';

/** One side of `quern diff`. */
export type DiffOperand =
  | { readonly type: 'run'; readonly run: Run; readonly store: Store }
  | { readonly type: 'artifact'; readonly side: Side };

/** Reads an operand: a directory, the digest of an artifact, `RECIPE:STAGE`, or the id of a run, in this order. */
export async function openOperand(text: string, options: CommonOptions): Promise<DiffOperand> {
  if (statSync(text, { throwIfNoEntry: false })?.isDirectory()) {
    return { type: 'artifact', side: await sideOfDirectory(resolve(text)) };
  }
  if (isDigest(text)) return { type: 'artifact', side: await sideOfArtifact(await openStore(options), text) };
  const colon = text.lastIndexOf(':');
  if (colon > 0 && existsSync(text.slice(0, colon))) {
    return { type: 'artifact', side: await sideOfStage(text.slice(0, colon), text.slice(colon + 1), options) };
  }
  const store = await openStore(options);
  const run = /[/\\]/.test(text) ? undefined : readRun(store, text);
  if (run !== undefined) return { type: 'run', run, store };
  const near = nearest(text, listRunIds(store));
  throw new QuernError('usage', `${text} is no directory, no artifact, no RECIPE:STAGE and no run`, {
    suggestion: near === undefined ? '`quern history` lists the runs of a recipe' : `did you mean \`${near}\`?`,
  });
}

/** The action of a key, as far as its record is still in the store. */
export function actionsOf(store: Store): (key: string) => Action | undefined {
  return (key) => {
    const value = store.readRecord(key);
    return value === undefined ? undefined : parseRecord(value)?.action;
  };
}

async function sideOfStage(recipeFile: string, stageName: string, options: CommonOptions): Promise<Side> {
  const { project, record } = await openFinishedStage(recipeFile, stageName, options);
  return sideOfArtifact(project.store, record.artifact);
}

async function sideOfArtifact(store: Store, digest: Digest): Promise<Side> {
  const directory = await viewTree(store, digest);
  return { directory, files: store.readTree(digest)?.entries ?? [] };
}
