import { closeSync, constants, copyFileSync, linkSync, readFileSync, rmSync, writeSync } from 'node:fs';
import { systemErrorCode } from '../errors.js';
import { isJsonObject } from '../json.js';
import { randomName, writeStoreFile } from './atomic.js';
import type { Layout } from './layout.js';
import { openLocked } from './locked-file.js';

/**
 * How the content of a blob appears under another name:
 * - `reflink`: a file of its own that shares the blocks of the blob until one of them is written
 * - `hardlink`: the blob itself, read-only
 * - `copy`: a copy, where the file system has neither
 */
export type LinkMode = 'reflink' | 'hardlink' | 'copy';

const linkModes: readonly LinkMode[] = ['reflink', 'hardlink', 'copy'];

/** Another file system, too many links, links that are not permitted or not known there: reasons to copy instead. */
const refusals = new Set(['EXDEV', 'EMLINK', 'EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'EINVAL', 'ENOSYS', 'ENOTTY']);

function isRefusal(error: unknown): boolean {
  return refusals.has(systemErrorCode(error) ?? '');
}

/** The mode that a store uses. Found by trying when it is first needed, and remembered in the store. */
export function linkMode(layout: Layout): LinkMode {
  const remembered = readLinkMode(layout);
  if (remembered !== undefined) return remembered;
  const mode = probeLinkMode(layout.tmp);
  writeStoreFile(layout, layout.links, `${JSON.stringify({ mode })}\n`, { durable: false });
  return mode;
}

function readLinkMode(layout: Layout): LinkMode | undefined {
  try {
    const value: unknown = JSON.parse(readFileSync(layout.links, 'utf8'));
    return isJsonObject(value) ? linkModes.find((mode) => mode === value.mode) : undefined;
  } catch (error) {
    if (error instanceof SyntaxError || systemErrorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}

/** The best mode that works in a directory. The file it is tried with is locked, so that no sweep removes it. */
export function probeLinkMode(directory: string): LinkMode {
  const from = `${directory}/file-${randomName()}`;
  const to = `${directory}/file-${randomName()}`;
  const descriptor = openLocked(from, 'exclusive');
  if (descriptor === undefined) return 'copy';
  try {
    writeSync(descriptor, 'probe');
    return linkModes.find((mode) => canLink(from, to, mode)) ?? 'copy';
  } finally {
    for (const path of [from, to]) rmSync(path, { force: true });
    closeSync(descriptor);
  }
}

function canLink(from: string, to: string, mode: LinkMode): boolean {
  try {
    linkAs(mode, from, to);
    return true;
  } catch (error) {
    if (isRefusal(error)) return false;
    throw error;
  }
}

/** Links as the mode says, or copies where that is refused for these two places. The new file keeps the permission bits. */
export function linkOrCopy(mode: LinkMode, from: string, to: string): void {
  try {
    linkAs(mode, from, to);
  } catch (error) {
    if (mode === 'copy' || !isRefusal(error)) throw error;
    linkAs('copy', from, to);
  }
}

function linkAs(mode: LinkMode, from: string, to: string): void {
  if (mode === 'hardlink') linkSync(from, to);
  else if (mode === 'copy') copyFileSync(from, to, constants.COPYFILE_FICLONE | constants.COPYFILE_EXCL);
  else copyFileSync(from, to, constants.COPYFILE_FICLONE_FORCE | constants.COPYFILE_EXCL);
}
