import { QuernError } from '../errors.js';

/** A place on the hub: `hf:org/name@revision/path`, with `datasets/` before the organisation of a data set. */
export interface HubReference {
  readonly type: 'model' | 'dataset';
  /** `org/name`, or `name` alone for a few old ones. */
  readonly repository: string;
  /** A branch, a tag, or a commit of 40 hexadecimal digits. */
  readonly revision: string;
  /** A file or a directory of the repository. */
  readonly path: string | undefined;
}

/** A file on a web server: `url:https://...`. */
export interface UrlReference {
  readonly url: string;
  /** Its last part, which the file is called by. */
  readonly fileName: string;
}

const form =
  /^hf:(datasets\/)?([\w.-]+\/[\w.-]+|[\w.-]+(?=@|$))(?:@(refs\/(?:convert|pr)\/[\w.-]+|[^/@\s]+))?(?:\/(\S.*))?$/;

/** Whether a source is to be fetched and is not a path of this machine. */
export function isRemote(path: string): boolean {
  return /^(hf|url):/.test(path);
}

export function isCommit(revision: string): boolean {
  return /^[0-9a-f]{40}$/.test(revision);
}

/** Reads an `hf:` source. A slash in a revision is written as it is for `refs/convert/...` and `refs/pr/...`, else `%2F`. */
export function parseHubReference(text: string): HubReference {
  const [, datasets, repository, revision, path] = form.exec(text) ?? [];
  if (repository === undefined || !isSafePath(repository) || (path !== undefined && !isSafePath(path))) {
    throw new QuernError('recipe', `${text} does not name a place on the hub`, {
      suggestion: 'the form is hf:organisation/name@revision, and /path for one file or directory of it',
    });
  }
  return {
    type: datasets === undefined ? 'model' : 'dataset',
    repository,
    revision: revision === undefined ? 'main' : decodeRevision(revision, text),
    path,
  };
}

function decodeRevision(revision: string, text: string): string {
  try {
    const decoded = decodeURIComponent(revision);
    if (isSafePath(decoded)) return decoded;
  } catch (error) {
    if (!(error instanceof URIError)) throw error;
  }
  throw new QuernError('recipe', `${text} has the revision ${JSON.stringify(revision)}, which can't be one`);
}

/** How a place on the hub is written, at a commit. */
export function hubReferenceText({ type, repository, revision, path }: HubReference): string {
  const written = /^refs\/(convert|pr)\/[^/]+$/.test(revision) ? revision : encodeURIComponent(revision);
  return `hf:${type === 'dataset' ? 'datasets/' : ''}${repository}@${written}${path === undefined ? '' : `/${path}`}`;
}

export function parseUrlReference(text: string): UrlReference {
  const url = text.slice('url:'.length);
  const parsed = URL.canParse(url) ? new URL(url) : undefined;
  const fileName = parsed?.pathname.split('/').at(-1) ?? '';
  if (parsed === undefined || !/^https?:$/.test(parsed.protocol) || !isSafePath(fileName)) {
    throw new QuernError('recipe', `${text} is not the address of a file`, {
      suggestion: 'the form is url:https://host/path/file',
    });
  }
  return { url, fileName };
}

/** Whether a path of the hub stays below the directory it is put into. */
export function isSafePath(path: string): boolean {
  if (path.length > 1024 || path.includes('\\') || path.includes('\0')) return false;
  return path.split('/').every((part) => part !== '' && part !== '.' && part !== '..' && part.length <= 255);
}
