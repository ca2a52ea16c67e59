import type { Diagnostic } from '../errors.js';
import { QuernError } from '../errors.js';
import { isRemote } from '../hub/reference.js';
import type { RemoteFinding, RemoteProgress, RemoteSources } from '../hub/remote-source.js';
import type { ResolvedStage } from '../recipe/load.js';
import type { SourceRequest } from '../stages/kind.js';

/** A stage whose remote sources (`hf:`, `url:`) have been looked for, by their pointers joined with dots. */
export interface LocatedStage extends ResolvedStage {
  readonly remote: ReadonlyMap<string, RemoteFinding>;
}

/** A source that a build would download. */
export interface PendingDownload {
  readonly origin: string;
  /** `undefined` if only the server knows. */
  readonly sizeBytes: number | undefined;
}

export interface LocateOptions {
  readonly onProgress?: (origin: string, progress: RemoteProgress) => void;
}

export function remoteRequests(stage: ResolvedStage): readonly SourceRequest[] {
  return (stage.kind.sources?.(stage.parameters) ?? []).filter(({ path }) => isRemote(path));
}

/**
 * Looks for the remote sources of stages, so that what they hold is known before keys are. Sources that can't be had are
 * problems of the recipe, all of which are told.
 */
export async function locateSources(
  stages: readonly ResolvedStage[],
  sources: RemoteSources,
  options: LocateOptions = {},
): Promise<{ readonly stages: readonly ResolvedStage[]; readonly problems: readonly Diagnostic[] }> {
  const problems: Diagnostic[] = [];
  const located = stages.map(async (stage): Promise<ResolvedStage> => {
    const requests = remoteRequests(stage);
    if (requests.length === 0) return stage;
    const remote = new Map<string, RemoteFinding>();
    for (const request of requests) {
      try {
        remote.set(request.pointer.join('.'), await find(stage, request, sources, options));
      } catch (error) {
        if (!(error instanceof QuernError)) throw error;
        const { message, suggestion } = error;
        const location = stage.locate(request.pointer);
        problems.push({ severity: 'error', message, location, ...(suggestion === undefined ? {} : { suggestion }) });
      }
    }
    const found: LocatedStage = { ...stage, remote };
    return found;
  });
  return { stages: await Promise.all(located), problems };
}

function find(
  stage: ResolvedStage,
  { pointer, path, select, sha256 }: SourceRequest,
  sources: RemoteSources,
  { onProgress }: LocateOptions,
): Promise<RemoteFinding> {
  return sources.find({
    name: `${stage.name}.${pointer.join('.')}`,
    path,
    ...(select === undefined ? {} : { select }),
    ...(sha256 === undefined ? {} : { sha256 }),
    ...(onProgress === undefined ? {} : { onProgress: (progress) => onProgress(path, progress) }),
  });
}

/** What was found of a remote source. Only stages that went through `locateSources` have any. */
export function findingOf(stage: ResolvedStage, pointer: readonly string[]): RemoteFinding | undefined {
  return isLocated(stage) ? stage.remote.get(pointer.join('.')) : undefined;
}

/** What would have to be downloaded before the key of a stage is known. */
export function pendingDownloads(stage: ResolvedStage): readonly PendingDownload[] {
  if (!isLocated(stage)) return [];
  return [...stage.remote.values()].filter((finding) => finding.state === 'elsewhere');
}

function isLocated(stage: ResolvedStage): stage is LocatedStage {
  return 'remote' in stage;
}
