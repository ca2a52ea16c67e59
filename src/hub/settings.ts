import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { QuernError } from '../errors.js';

/** Where the hub and its cache are, and how they are used. */
export interface HubSettings {
  /** Address of the hub without a slash at its end. */
  readonly endpoint: string;
  /** Directory of the cache that programs of Hugging Face share. */
  readonly cacheDirectory: string;
  /** Directory for what comes from elsewhere. */
  readonly downloadDirectory: string;
  readonly token: string | undefined;
  /** Nothing is asked of the network. */
  readonly offline: boolean;
  /** Pause after a first failed attempt; each further one is twice as long. */
  readonly firstPauseMs: number;
}

type Environment = { readonly [name: string]: string | undefined };

/**
 * Reads the variables that programs of Hugging Face read: HF_ENDPOINT, HF_HOME, HF_HUB_CACHE, HF_TOKEN, HF_TOKEN_PATH,
 * HF_HUB_OFFLINE, XDG_CACHE_HOME.
 */
export function hubSettings(environment: Environment, options: { readonly offline?: boolean } = {}): HubSettings {
  const given = (name: string): string | undefined => environment[name]?.trim() || undefined;
  const cacheHome = given('XDG_CACHE_HOME') ?? join(homedir(), '.cache');
  const home = given('HF_HOME') ?? join(cacheHome, 'huggingface');
  return {
    endpoint: readEndpoint(given('HF_ENDPOINT') ?? 'https://huggingface.co'),
    cacheDirectory: given('HF_HUB_CACHE') ?? given('HUGGINGFACE_HUB_CACHE') ?? join(home, 'hub'),
    downloadDirectory: join(cacheHome, 'quern', 'downloads'),
    token: given('HF_TOKEN') ?? readToken(given('HF_TOKEN_PATH') ?? join(home, 'token')),
    offline: options.offline === true || /^(1|true|yes|on)$/i.test(given('HF_HUB_OFFLINE') ?? ''),
    firstPauseMs: 1000,
  };
}

function readEndpoint(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url?.protocol === 'https:' || url?.protocol === 'http:') return text.replace(/\/+$/, '');
  throw new QuernError('usage', `HF_ENDPOINT is not an address: ${JSON.stringify(text)}`, {
    suggestion: 'it looks like https://huggingface.co',
  });
}

function readToken(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8').trim() || undefined;
  } catch {
    return undefined;
  }
}
