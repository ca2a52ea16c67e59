import { TransientFailure } from './retry.js';

const transientStatuses = new Set([408, 425, 429, 500, 502, 503, 504]);
/** A connection on which nothing has come for so long is given up. */
const silenceMs = 60_000;

export interface HttpRequest {
  readonly url: string;
  readonly headers: { readonly [name: string]: string };
  readonly signal?: AbortSignal | undefined;
}

/** The answer to a request. Its chunks end with a `TransientFailure` when the connection is cut or falls silent. */
export interface HttpResponse {
  readonly status: number;
  readonly headers: Headers;
  chunks(): AsyncGenerator<Uint8Array, void, undefined>;
  /** Lets go of a body that is not wanted. */
  discard(): Promise<void>;
}

/** Sends one GET request, following redirects. A busy server or a network that fails is a `TransientFailure`. */
export async function get({ url, headers, signal }: HttpRequest): Promise<HttpResponse> {
  const silence = new AbortController();
  const timer = setTimeout(() => silence.abort(), silenceMs);
  const signals = signal === undefined ? [silence.signal] : [silence.signal, signal];
  // Compressed answers can't be resumed. A redirect to another host takes no Authorization along: fetch sees to that.
  const allHeaders = { 'user-agent': 'quern', 'accept-encoding': 'identity', ...headers };
  let response: Response;
  try {
    response = await fetch(url, { headers: allHeaders, signal: AbortSignal.any(signals) });
  } catch (error) {
    clearTimeout(timer);
    signal?.throwIfAborted();
    throw new TransientFailure(silence.signal.aborted ? 'no answer' : networkProblem(error), { cause: error });
  }
  const discard = async (): Promise<void> => {
    clearTimeout(timer);
    await response.body?.cancel().catch(() => undefined);
  };
  if (transientStatuses.has(response.status)) {
    await discard();
    const waitMs = waitAskedFor(response.headers);
    throw new TransientFailure(`the server answers with status ${response.status}`, { waitMs });
  }
  async function* chunks(): AsyncGenerator<Uint8Array, void, undefined> {
    try {
      if (response.body === null) return;
      for await (const chunk of response.body) {
        timer.refresh();
        yield chunk;
      }
    } catch (error) {
      signal?.throwIfAborted();
      throw new TransientFailure(silence.signal.aborted ? 'nothing more came' : networkProblem(error), {
        cause: error,
      });
    } finally {
      clearTimeout(timer);
    }
  }
  return { status: response.status, headers: response.headers, chunks, discard };
}

/** The whole of a body that must not be longer than `maximumBytes`; `undefined` if it is. */
export async function readBody(response: HttpResponse, maximumBytes: number): Promise<Buffer | undefined> {
  const parts: Uint8Array[] = [];
  let sizeBytes = 0;
  for await (const chunk of response.chunks()) {
    sizeBytes += chunk.length;
    if (sizeBytes > maximumBytes) return undefined;
    parts.push(chunk);
  }
  return Buffer.concat(parts);
}

/** fetch says `fetch failed`; what happened is in the cause. */
function networkProblem(error: unknown): string {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  return cause instanceof Error ? cause.message || cause.name : String(cause);
}

function waitAskedFor(headers: Headers): number | undefined {
  const text = headers.get('retry-after');
  if (text === null) return undefined;
  const seconds = /^\d+$/.test(text) ? Number(text) : (Date.parse(text) - Date.now()) / 1000;
  return Number.isFinite(seconds) ? Math.max(0, seconds * 1000) : undefined;
}
