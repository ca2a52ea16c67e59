import { QuernError } from '../errors.js';
import { printable } from '../files/quote.js';
import type { HttpResponse } from './http.js';
import { get, readBody } from './http.js';
import type { HubReference } from './reference.js';
import type { RepositoryListing } from './repository-files.js';
import { parseRevision } from './repository-files.js';
import { retry } from './retry.js';
import type { HubSettings } from './settings.js';

const maximumListingBytes = 64 * 1024 * 1024;

/** Asks the hub what a repository holds at a revision. */
export async function fetchListing(
  settings: HubSettings,
  reference: HubReference,
  options: { readonly attempts?: number; readonly signal?: AbortSignal | undefined } = {},
): Promise<RepositoryListing> {
  const { endpoint, firstPauseMs } = settings;
  const revision = encodeURIComponent(reference.revision);
  const url = `${endpoint}/api/${reference.type}s/${reference.repository}/revision/${revision}?blobs=true`;
  const what = repositoryText(reference, endpoint);
  return retry(
    async () => {
      const response = await get({ url, headers: authorization(settings), signal: options.signal });
      if (response.status !== 200) {
        await response.discard();
        throw hubRefusal(response, reference, settings);
      }
      const listing = parseAnswer(await readBody(response, maximumListingBytes));
      if (listing !== undefined) return listing;
      throw new QuernError(
        'input',
        `${endpoint} does not answer as a hub does when asked for ${reference.repository}`,
        {
          suggestion: 'check HF_ENDPOINT',
        },
      );
    },
    { what, firstPauseMs, ...options },
  );
}

function parseAnswer(body: Buffer | undefined): RepositoryListing | undefined {
  if (body === undefined) return undefined;
  try {
    return parseRevision(JSON.parse(body.toString('utf8')));
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/** Where the content of a file is. */
export function fileUrl({ endpoint }: HubSettings, reference: HubReference, commit: string, path: string): string {
  const prefix = reference.type === 'dataset' ? 'datasets/' : '';
  const encoded = path.split('/').map(encodeURIComponent).join('/');
  return `${endpoint}/${prefix}${reference.repository}/resolve/${commit}/${encoded}`;
}

export function authorization({ token }: HubSettings): { readonly [name: string]: string } {
  return token === undefined ? {} : { authorization: `Bearer ${token}` };
}

export function repositoryText({ type, repository }: HubReference, endpoint: string): string {
  return `${type === 'dataset' ? 'data set ' : ''}${repository} on ${new URL(endpoint).host}`;
}

/** What to tell the user when the hub does not give what was asked for. */
export function hubRefusal(response: HttpResponse, reference: HubReference, settings: HubSettings): QuernError {
  const { endpoint, token } = settings;
  const name = repositoryText(reference, endpoint);
  const prefix = reference.type === 'dataset' ? 'datasets/' : '';
  const page = `${endpoint}/${prefix}${reference.repository}`;
  const code = response.headers.get('x-error-code');
  const refused = (message: string, suggestion: string): QuernError => new QuernError('input', message, { suggestion });
  if (code === 'GatedRepo' || response.status === 403) {
    const next = token === undefined ? ', and put a token of your account into HF_TOKEN' : '';
    return refused(`${name} is gated: it is given to those who were granted access`, `ask for it at ${page}${next}`);
  }
  if (response.status === 401) {
    return token === undefined
      ? refused(
          `${name} does not exist, or is not public`,
          'check its name; if it is private or gated, put a token of your account into HF_TOKEN',
        )
      : refused(`${name} does not exist, or the token does not give access to it`, 'check its name, and HF_TOKEN');
  }
  if (code === 'EntryNotFound') {
    return refused(`${name} has no such file at ${reference.revision}`, `see ${page}/tree/${reference.revision}`);
  }
  if (code === 'RevisionNotFound') {
    return refused(`${name} has no revision ${JSON.stringify(reference.revision)}`, `see ${page}/commits`);
  }
  if (response.status === 404) {
    return refused(`${name} does not exist, or has no revision ${JSON.stringify(reference.revision)}`, `see ${page}`);
  }
  const said = response.headers.get('x-error-message');
  return refused(
    `${name}: the hub answers with status ${response.status}${said === null ? '' : ` (${printable(said)})`}`,
    'try again later',
  );
}
