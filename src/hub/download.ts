import { closeSync, fsyncSync, openSync, renameSync, rmSync, statSync, truncateSync, writeSync } from 'node:fs';
import { QuernError } from '../errors.js';
import type { ExpectedHash } from './content-hash.js';
import { startHash, updateFromFile } from './content-hash.js';
import type { HttpResponse } from './http.js';
import { get } from './http.js';
import { retry, TransientFailure } from './retry.js';

export interface Download {
  /** What is downloaded, for messages. */
  readonly what: string;
  readonly url: string;
  readonly headers: { readonly [name: string]: string };
  /** Where the file appears once it is whole and its hash is right. What has come before that is in `target.incomplete`. */
  readonly target: string;
  readonly expected: ExpectedHash;
  /** `undefined` if only the server knows. */
  readonly sizeBytes: number | undefined;
  readonly firstPauseMs: number;
  readonly signal?: AbortSignal | undefined;
  /** Called with how many bytes of the file are there. */
  readonly onProgress?: ((doneBytes: number) => void) | undefined;
  /** Turns an answer that is neither content nor transient into what the user should read. */
  readonly refusal: (response: HttpResponse) => QuernError;
}

/** Downloads a file, going on where an earlier attempt stopped. One process at a time may do so: the caller holds a lock. */
export async function download(request: Download): Promise<void> {
  const wasThere = incompleteSize(request) > 0;
  await transferAll(request);
  if (await isRight(request)) return publish(request);
  discardIncomplete(request);
  // What an earlier attempt left may be at fault, so it gets one more chance without it.
  if (wasThere) {
    await transferAll(request);
    if (await isRight(request)) return publish(request);
    discardIncomplete(request);
  }
  throw new QuernError(
    'input',
    `${request.what} arrived damaged: its ${request.expected.algorithm} is not the right one`,
    {
      suggestion:
        'the file on the server or a proxy before it is at fault; try again, or check the hash that is expected',
    },
  );
}

async function transferAll(request: Download): Promise<void> {
  const { what, firstPauseMs, signal } = request;
  await retry(() => transfer(request), { what, firstPauseMs, signal });
}

/** One request for what is still missing. */
async function transfer(request: Download): Promise<void> {
  const start = incompleteSize(request);
  if (request.sizeBytes !== undefined && start >= request.sizeBytes) {
    if (start === request.sizeBytes && start > 0) return;
    discardIncomplete(request);
    if (start > request.sizeBytes) return transfer(request);
  }
  const range = start === 0 ? {} : { range: `bytes=${start}-` };
  const response = await get({ url: request.url, headers: { ...request.headers, ...range }, signal: request.signal });
  if (response.status === 416) {
    await response.discard();
    if (start === 0) throw request.refusal(response);
    discardIncomplete(request);
    return transfer(request);
  }
  if (response.status !== 200 && response.status !== 206) {
    await response.discard();
    throw request.refusal(response);
  }
  await append(request, response, firstByte(response, start));
}

/** The position of the first byte of an answer; servers may ignore that only a part was asked for. */
function firstByte(response: HttpResponse, start: number): number {
  if (response.status === 200) return 0;
  const [, first] = /^bytes (\d+)-/.exec(response.headers.get('content-range') ?? '') ?? [];
  if (Number(first) === start) return start;
  throw new TransientFailure(`the server sent another part of the file than the one from byte ${start}`);
}

async function append(request: Download, response: HttpResponse, start: number): Promise<void> {
  const path = incompletePath(request);
  const descriptor = openSync(path, 'a');
  let end = start;
  try {
    truncateSync(path, start);
    for await (const chunk of response.chunks()) {
      if (request.sizeBytes !== undefined && end + chunk.length > request.sizeBytes) throw tooLong(request);
      for (let done = 0; done < chunk.length; ) done += writeSync(descriptor, chunk, done);
      end += chunk.length;
      request.onProgress?.(end);
    }
    fsyncSync(descriptor);
  } catch (error) {
    if (!(error instanceof TransientFailure)) throw error;
    throw new TransientFailure(error.message, { madeProgress: end > start, cause: error });
  } finally {
    closeSync(descriptor);
  }
  if (request.sizeBytes !== undefined && end < request.sizeBytes) {
    const message = `the connection ended after ${end} of ${request.sizeBytes} bytes`;
    throw new TransientFailure(message, { madeProgress: end > start });
  }
}

function tooLong(request: Download): QuernError {
  discardIncomplete(request);
  return new QuernError('input', `${request.what} is longer than the ${request.sizeBytes} bytes it should have`, {
    suggestion: 'the server or a proxy before it sends something else; try again later',
  });
}

async function isRight(request: Download): Promise<boolean> {
  const hash = startHash(request.expected);
  await updateFromFile(hash, incompletePath(request));
  return hash.digest('hex') === request.expected.hex;
}

function publish(request: Download): void {
  renameSync(incompletePath(request), request.target);
}

function discardIncomplete(request: Download): void {
  rmSync(incompletePath(request), { force: true });
}

/** Not the name that other programs use: they hold other locks. */
function incompletePath({ target }: Download): string {
  return `${target}.quern.incomplete`;
}

function incompleteSize(request: Download): number {
  return statSync(incompletePath(request), { throwIfNoEntry: false })?.size ?? 0;
}
