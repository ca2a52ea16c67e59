import { mkdirSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { QuernError } from '../errors.js';
import { download } from './download.js';
import { withFileLock } from './file-lock.js';
import type { HttpResponse } from './http.js';
import type { UrlReference } from './reference.js';
import { parseUrlReference } from './reference.js';
import type { RemoteFinding, RemoteRequest } from './remote-source.js';
import type { HubSettings } from './settings.js';

/** Finds the file of a `url:` source by its sha256, and downloads it if it is not here. */
export async function findUrl(
  settings: HubSettings,
  request: RemoteRequest,
  mayDownload: boolean,
): Promise<RemoteFinding> {
  const reference = parseUrlReference(request.path);
  const sha256 = request.sha256?.toLowerCase();
  if (sha256 === undefined || !/^[0-9a-f]{64}$/.test(sha256)) {
    throw new QuernError('recipe', `${request.path} has no \`sha256\` beside it, by which it is checked`, {
      suggestion: 'add sha256: and the 64 hexadecimal digits that sha256sum prints',
    });
  }
  const target = join(settings.downloadDirectory, sha256, reference.fileName);
  const origin = request.path;
  const here = { state: 'here', origin, isFile: true, files: [{ name: reference.fileName, path: target }] } as const;
  if (isThere(target)) return here;
  if (settings.offline) {
    throw new QuernError('input', `${request.path} is not on this machine, and quern is offline`, {
      suggestion: 'build once without --offline and HF_HUB_OFFLINE',
    });
  }
  if (!mayDownload) return { state: 'elsewhere', origin, sizeBytes: undefined };
  mkdirSync(dirname(target), { recursive: true });
  await withFileLock(`${target}.lock`, request.signal, async () => {
    if (isThere(target)) return;
    await download({
      what: reference.url,
      url: reference.url,
      headers: {},
      target,
      expected: { algorithm: 'sha256', hex: sha256 },
      sizeBytes: undefined,
      firstPauseMs: settings.firstPauseMs,
      signal: request.signal,
      onProgress: (doneBytes) => request.onProgress?.({ doneBytes, totalBytes: undefined }),
      refusal: (response) => urlRefusal(response, reference),
    });
  });
  return here;
}

function isThere(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isFile() === true;
}

function urlRefusal({ status }: HttpResponse, { url }: UrlReference): QuernError {
  const reasons: { readonly [status: number]: string } = {
    401: 'wants a login',
    403: 'refuses it',
    404: 'has no such file',
  };
  const reason = reasons[status] ?? `answers with status ${status}`;
  return new QuernError('input', `${url}: the server ${reason}`, {
    suggestion: 'check the address; a file that needs a login has to be downloaded by hand',
  });
}
