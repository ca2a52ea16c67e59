import { statSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import type { Diagnostic, Location } from '../errors.js';
import { QuernError, systemErrorCode } from '../errors.js';
import { namesInside } from '../files/names-inside.js';
import { isRemote, parseHubReference, parseUrlReference } from '../hub/reference.js';
import { canonicalJson } from '../json.js';
import type { ResolvedStage } from '../recipe/load.js';
import type { SourceFile, SourceRequest } from '../stages/kind.js';
import type { Digest } from '../store/digest.js';
import { digestOfBytes } from '../store/digest.js';
import type { Store } from '../store/store.js';
import { findingOf } from './locate.js';

/** A source with the content it had when it was looked at. */
export interface ResolvedSource {
  readonly pointer: string;
  readonly digest: Digest;
  /** Of a remote source: what it is exactly, for example `hf:org/name@<commit>`. */
  readonly origin?: string;
  readonly files: readonly SourceFile[];
}

/** Sources of stages that are missing or of the wrong type. Looks at names only, reads nothing, asks no network. */
export function sourceProblems(stages: readonly ResolvedStage[]): Diagnostic[] {
  return stages.flatMap((stage) =>
    (stage.kind.sources?.(stage.parameters) ?? []).flatMap((request): Diagnostic[] => {
      const location = stage.locate(request.pointer);
      try {
        if (isRemote(request.path)) checkRemote(request);
        else listSource(pathOf(stage, request), request, location);
        return [];
      } catch (error) {
        if (!(error instanceof QuernError)) throw error;
        const { message, suggestion } = error;
        return [{ severity: 'error', message, location, ...(suggestion === undefined ? {} : { suggestion }) }];
      }
    }),
  );
}

/**
 * Finds the files of a source and their content digests (through the stat cache of the store). The digest of a single
 * file is that of its bytes; the digest of a directory covers the names and digests of the files read from it.
 */
export async function resolveSource(
  store: Store,
  stage: ResolvedStage,
  request: SourceRequest,
): Promise<ResolvedSource> {
  const pointer = request.pointer.join('.');
  const { files, isFile, ...origin } = isRemote(request.path)
    ? remoteFiles(stage, request)
    : localFiles(pathOf(stage, request), request, stage.locate(request.pointer));
  const hashed = await Promise.all(
    files.map(async (file) => ({ ...file, ...(await store.digestOfSource(file.path)) })),
  );
  const [only] = hashed;
  if (isFile && only !== undefined) return { pointer, digest: only.digest, files: hashed, ...origin };
  const listing = hashed.map(({ name, digest }) => ({ name, digest }));
  return { pointer, digest: digestOfBytes(Buffer.from(canonicalJson(listing))), files: hashed, ...origin };
}

interface FoundFiles {
  readonly files: readonly { readonly name: string; readonly path: string }[];
  /** Whether the source is one file and not a directory. */
  readonly isFile: boolean;
  readonly origin?: string;
}

function localFiles(path: string, request: SourceRequest, location: Location): FoundFiles {
  const names = listSource(path, request, location);
  const files = names.map((name) => ({
    name: name ?? basename(path),
    path: name === undefined ? path : join(path, name),
  }));
  return { files, isFile: names[0] === undefined };
}

function remoteFiles(stage: ResolvedStage, { path, pointer }: SourceRequest): FoundFiles {
  const finding = findingOf(stage, pointer);
  if (finding?.state === 'here') return finding;
  throw new Error(`${path} of stage ${stage.name} is not on this machine, and its content was asked for`);
}

function checkRemote({ path, sha256 }: SourceRequest): void {
  if (path.startsWith('hf:')) {
    parseHubReference(path);
    return;
  }
  parseUrlReference(path);
  if (sha256 !== undefined && /^[0-9a-f]{64}$/.test(sha256)) return;
  throw new QuernError('recipe', `${path} has no \`sha256\` beside it, by which it is checked`, {
    suggestion: 'add sha256: and the 64 hexadecimal digits that sha256sum prints',
  });
}

function pathOf(stage: ResolvedStage, { pointer, path }: SourceRequest): string {
  return resolve(stage.baseDirectory(pointer), path);
}

/** Names of the files inside a source directory, or `[undefined]` for a source that is one file. */
function listSource(path: string, request: SourceRequest, location: Location): readonly (string | undefined)[] {
  try {
    const isDirectory = statSync(path).isDirectory();
    if (request.select === undefined) {
      if (isDirectory) throw new QuernError('recipe', `${request.path} is a directory; a file is needed`, { location });
      return [undefined];
    }
    if (!isDirectory && request.isWhole?.(basename(path))) return [undefined];
    if (!isDirectory) throw new QuernError('recipe', `${request.path} is a file; a directory is needed`, { location });
    const names = request.select(namesInside(path)).toSorted();
    if (names.length > 0) return names;
    throw new QuernError('recipe', `${request.path} holds none of the files that are looked for`, { location });
  } catch (error) {
    const code = systemErrorCode(error);
    if (code === 'ENOENT' || code === 'ENOTDIR') {
      throw new QuernError('recipe', `${request.path} does not exist`, {
        location,
        suggestion: 'paths are relative to the file they stand in',
      });
    }
    if (code === 'EACCES')
      throw new QuernError('recipe', `${request.path} can't be read: permission denied`, { location });
    throw error;
  }
}
