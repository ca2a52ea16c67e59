import { createHash } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { HubSettings } from '../../src/hub/settings.js';

export const commit = '0123456789abcdef0123456789abcdef01234567';

/** A request that reached the server. */
export interface SeenRequest {
  readonly path: string;
  readonly range: string | undefined;
  readonly authorization: string | undefined;
}

/** Answers a request in place of the server; `false` lets the server answer. */
export type Fault = (request: IncomingMessage, response: ServerResponse, content: Buffer | undefined) => boolean;

export interface FakeHub {
  readonly endpoint: string;
  readonly seen: SeenRequest[];
  /** Each is asked once, in order, and forgotten once it has answered. */
  readonly faults: Fault[];
  /** Content by path. Files called `*.bin` or `*.safetensors` are large ones, served from elsewhere after a redirect. */
  readonly files: Map<string, Buffer>;
  settings(directory: string): HubSettings;
}

export function sha256Of(content: Buffer): string {
  return createHash('sha256').update(content).digest('hex');
}

function gitBlobId(content: Buffer): string {
  return createHash('sha1').update(`blob ${content.length}\0`).update(content).digest('hex');
}

function isLarge(path: string): boolean {
  return /\.(bin|safetensors|parquet)$/.test(path);
}

/** Runs a server that speaks the routes of a hub with one repository, `org/model` (also a data set), for the time of `use`. */
export async function withFakeHub<T>(
  contents: { readonly [path: string]: string | Buffer },
  use: (hub: FakeHub) => Promise<T>,
): Promise<T> {
  const files = new Map(Object.entries(contents).map(([path, content]) => [path, Buffer.from(content)]));
  const faults: Fault[] = [];
  const seen: SeenRequest[] = [];
  const server = createServer((request, response) => {
    const path = decodeURIComponent(request.url ?? '');
    const { range, authorization } = request.headers;
    seen.push({ path, range, authorization });
    const content = files.get(/^\/(?:cdn|(?:datasets\/)?org\/model\/resolve\/[^/]+)\/(.*)$/.exec(path)?.[1] ?? '');
    const fault = faults.find((candidate) => candidate(request, response, content));
    if (fault === undefined) answer(path, request, response, files, content);
    else faults.splice(faults.indexOf(fault), 1);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const settings = (directory: string): HubSettings => ({
    endpoint,
    cacheDirectory: `${directory}/hub`,
    downloadDirectory: `${directory}/downloads`,
    token: undefined,
    offline: false,
    firstPauseMs: 1,
  });
  try {
    return await use({ endpoint, seen, faults, files, settings });
  } finally {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
}

function answer(
  path: string,
  request: IncomingMessage,
  response: ServerResponse,
  files: ReadonlyMap<string, Buffer>,
  content: Buffer | undefined,
): void {
  const name = path.replace(/^.*\/resolve\/[^/]+\//, '');
  if (path.startsWith('/api/')) answerRevision(path, response, files);
  else if (content === undefined) refuse(response, 404, 'EntryNotFound');
  else if (path.startsWith('/cdn/') || !isLarge(name)) send(request, response, content);
  else {
    response.setHeader('x-repo-commit', commit);
    response.setHeader('x-linked-etag', `"${sha256Of(content)}"`);
    response.setHeader('x-linked-size', content.length);
    response.writeHead(302, { location: `/cdn/${name}` }).end();
  }
}

function answerRevision(path: string, response: ServerResponse, files: ReadonlyMap<string, Buffer>): void {
  const [, repository, revision = ''] =
    /^\/api\/(?:models|datasets)\/(.+)\/revision\/(.+)\?blobs=true$/.exec(path) ?? [];
  const siblings = [...files].map(([rfilename, content]) => ({
    rfilename,
    size: content.length,
    blobId: gitBlobId(content),
    ...(isLarge(rfilename) ? { lfs: { sha256: sha256Of(content), size: content.length, pointerSize: 134 } } : {}),
  }));
  if (repository !== 'org/model') refuse(response, 401, 'RepoNotFound');
  else if (['main', 'refs/convert/parquet', commit].includes(revision)) {
    response.end(JSON.stringify({ id: repository, sha: commit, siblings }));
  } else refuse(response, 404, 'RevisionNotFound');
}

function refuse(response: ServerResponse, status: number, code?: string): void {
  response.writeHead(status, code === undefined ? {} : { 'x-error-code': code }).end('refused');
}

function send(request: IncomingMessage, response: ServerResponse, content: Buffer): void {
  const start = startOf(request);
  if (start >= content.length && start > 0) {
    refuse(response, 416);
    return;
  }
  writeHead(response, start, content);
  response.end(content.subarray(start));
}

function startOf(request: IncomingMessage): number {
  return Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? 0);
}

function writeHead(response: ServerResponse, start: number, content: Buffer): void {
  const range = { 'content-range': `bytes ${start}-${content.length - 1}/${content.length}` };
  response.writeHead(start === 0 ? 200 : 206, {
    'content-length': content.length - start,
    ...(start > 0 ? range : {}),
  });
}

/** Sends the first bytes of what is asked for, and then cuts the connection. */
export function cutAfter(sizeBytes: number): Fault {
  return (request, response, content) => {
    if (content === undefined || request.url?.startsWith('/cdn/') !== true) return false;
    const start = startOf(request);
    writeHead(response, start, content);
    response.write(content.subarray(start, start + sizeBytes), () => response.destroy());
    return true;
  };
}

/** Answers a request whose path matches with a status. */
export function answerWith(status: number, path: RegExp, headers: { readonly [name: string]: string } = {}): Fault {
  return (request, response) => {
    if (!path.test(request.url ?? '')) return false;
    response.writeHead(status, headers).end('refused');
    return true;
  };
}
