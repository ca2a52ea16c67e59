import { mkdirSync, statfsSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import PQueue from 'p-queue';
import { QuernError } from '../errors.js';
import { formatBytes } from '../format.js';
import { download } from './download.js';
import { withFileLock } from './file-lock.js';
import { CachedRepository } from './hub-cache.js';
import { authorization, fetchListing, fileUrl, hubRefusal, repositoryText } from './hub-client.js';
import type { HubReference } from './reference.js';
import { hubReferenceText, isCommit, parseHubReference } from './reference.js';
import type { RemoteFinding, RemoteRequest, RemoteSources } from './remote-source.js';
import type { RepositoryFile, RepositoryListing } from './repository-files.js';
import { TransientFailure } from './retry.js';
import type { HubSettings } from './settings.js';
import { findUrl } from './url-source.js';

export interface RemoteSourcesOptions {
  /** Whether what is not here is downloaded. Without it the network is asked for listings alone, and once. */
  readonly download: boolean;
  /** What a source has to be, by its name in the lock file, as an origin: `hf:org/name@<commit>`. */
  readonly pins?: ReadonlyMap<string, string>;
}

const filesAtOnce = 4;

/** Opens what gets at `hf:` and `url:` sources. A revision is looked up once in its lifetime. */
export function openRemoteSources(settings: HubSettings, options: RemoteSourcesOptions): RemoteSources {
  const sources = new HubSources(settings, options);
  return {
    find: (request) =>
      request.path.startsWith('url:') ? findUrl(settings, request, options.download) : sources.find(request),
  };
}

class HubSources {
  readonly #settings: HubSettings;
  readonly #options: RemoteSourcesOptions;
  readonly #listings = new Map<string, Promise<RepositoryListing>>();
  readonly #queue = new PQueue({ concurrency: filesAtOnce });

  constructor(settings: HubSettings, options: RemoteSourcesOptions) {
    this.#settings = settings;
    this.#options = options;
  }

  async find(request: RemoteRequest): Promise<RemoteFinding> {
    const reference = this.#pinned(request);
    const cached = new CachedRepository(this.#settings.cacheDirectory, reference);
    if (this.#settings.offline) return this.#findOffline(request, reference, cached);
    const listing = await this.#listingOrNothing(reference, cached, request.signal);
    if (listing === undefined) return this.#findUnreachable(request, reference, cached);
    const { commit } = listing;
    const wanted = selectFiles(
      request,
      reference,
      listing.files.map(({ path }) => path),
    );
    const wantedPaths = new Set(wanted.paths);
    const files = listing.files.filter(({ path }) => wantedPaths.has(path));
    const missing = files.filter((file) => !cached.has(commit, file));
    const origin = hubReferenceText({ ...reference, revision: commit });
    if (missing.length > 0) {
      if (!this.#options.download) return { state: 'elsewhere', origin, sizeBytes: totalBytes(missing) };
      await this.#download(request, reference, commit, cached, missing);
    }
    return finding(origin, wanted, commit, cached);
  }

  /** The lock file says the commit, as long as it is about the same place. */
  #pinned(request: RemoteRequest): HubReference {
    const reference = parseHubReference(request.path);
    const pin = this.#options.pins?.get(request.name);
    if (pin === undefined || isCommit(reference.revision) || !pin.startsWith('hf:')) return reference;
    const { revision, ...place } = parseHubReference(pin);
    const isSame = hubReferenceText({ ...reference, revision }) === hubReferenceText({ ...place, revision });
    return isSame ? { ...reference, revision } : reference;
  }

  /** Who only wants to know what would be done goes on without an answer of the hub. */
  async #listingOrNothing(
    reference: HubReference,
    cached: CachedRepository,
    signal?: AbortSignal,
  ): Promise<RepositoryListing | undefined> {
    try {
      return await this.#listing(reference, cached, signal);
    } catch (error) {
      const isUnreachable = error instanceof QuernError && error.cause instanceof TransientFailure;
      if (isUnreachable && !this.#options.download) return undefined;
      throw error;
    }
  }

  #findUnreachable(request: RemoteRequest, reference: HubReference, cached: CachedRepository): RemoteFinding {
    try {
      return this.#findOffline(request, reference, cached);
    } catch (error) {
      if (!(error instanceof QuernError)) throw error;
      return { state: 'elsewhere', origin: hubReferenceText(reference), sizeBytes: undefined };
    }
  }

  #listing(reference: HubReference, cached: CachedRepository, signal?: AbortSignal): Promise<RepositoryListing> {
    const { type, repository, revision } = reference;
    const name = `${type} ${repository} ${revision}`;
    const known = this.#listings.get(name);
    if (known !== undefined) return known;
    const listing = this.#lookUp(reference, cached, signal);
    this.#listings.set(name, listing);
    return listing;
  }

  async #lookUp(reference: HubReference, cached: CachedRepository, signal?: AbortSignal): Promise<RepositoryListing> {
    const kept = isCommit(reference.revision) ? cached.listing(reference.revision) : undefined;
    if (kept !== undefined) return kept;
    const attempts = this.#options.download ? {} : { attempts: 1 };
    const listing = await fetchListing(this.#settings, reference, { ...attempts, signal });
    if (this.#options.download) {
      cached.writeCommitOf(reference.revision, listing.commit);
      cached.writeListing(listing);
    }
    return listing;
  }

  /** What is here counts: all that was listed if a listing was kept, else what another program left. */
  #findOffline(request: RemoteRequest, reference: HubReference, cached: CachedRepository): RemoteFinding {
    const commit = cached.commitOf(reference.revision);
    const here = commit === undefined ? [] : cached.filesHere(commit);
    const absent = (what: string): QuernError =>
      new QuernError('input', `${what} is not on this machine, and quern is offline`, {
        suggestion: `build once without --offline and HF_HUB_OFFLINE; the cache is ${this.#settings.cacheDirectory}`,
      });
    if (commit === undefined || here.length === 0) throw absent(request.path);
    const listed = cached.listing(commit)?.files;
    const wanted = selectFiles(request, reference, listed?.map(({ path }) => path) ?? here);
    const pathsHere = new Set(here);
    const missing = wanted.paths.find((path) => !pathsHere.has(path));
    if (missing !== undefined) throw absent(`${missing} of ${request.path}`);
    return finding(hubReferenceText({ ...reference, revision: commit }), wanted, commit, cached);
  }

  async #download(
    request: RemoteRequest,
    reference: HubReference,
    commit: string,
    cached: CachedRepository,
    files: readonly RepositoryFile[],
  ): Promise<void> {
    checkRoom(this.#settings.cacheDirectory, request.path, totalBytes(files));
    const done = new Map<string, number>();
    const report = (path: string, doneBytes: number): void => {
      done.set(path, doneBytes);
      const sum = [...done.values()].reduce((all, one) => all + one, 0);
      request.onProgress?.({ doneBytes: sum, totalBytes: totalBytes(files) });
    };
    const abort = new AbortController();
    const signal = request.signal === undefined ? abort.signal : AbortSignal.any([abort.signal, request.signal]);
    const fetchOne = async (file: RepositoryFile): Promise<void> => {
      signal.throwIfAborted();
      await this.#downloadFile(reference, commit, cached, file, {
        signal,
        onProgress: (bytes) => report(file.path, bytes),
      });
      report(file.path, file.sizeBytes);
    };
    try {
      await Promise.all(files.map((file) => this.#queue.add(() => fetchOne(file))));
    } catch (error) {
      abort.abort();
      throw error;
    }
  }

  async #downloadFile(
    reference: HubReference,
    commit: string,
    cached: CachedRepository,
    file: RepositoryFile,
    { signal, onProgress }: { readonly signal: AbortSignal; readonly onProgress: (doneBytes: number) => void },
  ): Promise<void> {
    const { endpoint, firstPauseMs } = this.#settings;
    const target = cached.blobPath(file);
    mkdirSync(dirname(target), { recursive: true });
    await withFileLock(cached.lockPath(file), signal, async () => {
      if (!cached.hasBlob(file)) {
        await download({
          what: `${file.path} of ${repositoryText(reference, endpoint)}`,
          url: fileUrl(this.#settings, reference, commit, file.path),
          headers: authorization(this.#settings),
          target,
          expected: file.hash,
          sizeBytes: file.sizeBytes,
          firstPauseMs,
          signal,
          onProgress,
          refusal: (response) => hubRefusal(response, reference, this.#settings),
        });
      }
      cached.link(commit, file);
    });
  }
}

interface WantedFiles {
  readonly isFile: boolean;
  /** Directory of the repository that names are relative to, with a slash at its end unless it is empty. */
  readonly base: string;
  readonly paths: readonly string[];
}

/** Which files of a repository a request is for: the one it names, or those it selects from the directory it names. */
function selectFiles(request: RemoteRequest, { path }: HubReference, paths: readonly string[]): WantedFiles {
  const wrong = (problem: string, suggestion?: string): QuernError =>
    new QuernError('input', `${request.path} ${problem}`, suggestion === undefined ? {} : { suggestion });
  if (path !== undefined && paths.includes(path)) {
    return { isFile: true, base: path.slice(0, path.length - basename(path).length), paths: [path] };
  }
  const base = path === undefined ? '' : `${path}/`;
  const names = paths.filter((name) => name.startsWith(base)).map((name) => name.slice(base.length));
  if (names.length === 0) throw wrong('does not exist: the repository has no such file or directory');
  if (request.select === undefined)
    throw wrong('is a directory; a file is needed', `for example ${request.path}/${names[0]}`);
  const selected = request.select(names).toSorted();
  if (selected.length === 0) throw wrong('holds none of the files that are looked for');
  return { isFile: false, base, paths: selected.map((name) => `${base}${name}`) };
}

function finding(origin: string, wanted: WantedFiles, commit: string, cached: CachedRepository): RemoteFinding {
  const files = wanted.paths.map((path) => ({
    name: path.slice(wanted.base.length),
    path: cached.snapshotPath(commit, path),
  }));
  return { state: 'here', origin, isFile: wanted.isFile, files };
}

function totalBytes(files: readonly RepositoryFile[]): number {
  return files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
}

function checkRoom(directory: string, what: string, neededBytes: number): void {
  mkdirSync(directory, { recursive: true });
  const { bavail, bsize } = statfsSync(directory);
  if (bavail * bsize >= neededBytes) return;
  throw new QuernError(
    'input',
    `${what} takes ${formatBytes(neededBytes)}; ${directory} has ${formatBytes(bavail * bsize)} left`,
    {
      suggestion: 'free some space, or set HF_HOME to a directory on a larger disk',
    },
  );
}
