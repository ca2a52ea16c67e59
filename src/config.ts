import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { QuernError } from './errors.js';
import type { JsonObject } from './json.js';
import { isJsonObject } from './json.js';
import { parseDurationMs, parseSizeBytes } from './quantities.js';

/** When gc removes results, and how many. What is left out is not bounded, but for the size, which has a default. */
export interface CacheBounds {
  readonly maxSizeBytes?: number;
  readonly maxAgeMs?: number;
  readonly minFreeBytes?: number;
  /** Whether builds start gc by themselves. */
  readonly automatic: boolean;
}

/** Settings of a project. Every member has a value: the file `quern.config.yaml` is optional, and so is all in it. */
export interface Config {
  /** Directory of the store. */
  readonly cacheDirectory: string;
  readonly cacheBounds: CacheBounds;
  /** Memory that the actions running at once may use. Most of the machine's when left out. */
  readonly memoryBytes?: number;
  /** Absolute paths of modules that bring further stage kinds. */
  readonly kindModules: readonly string[];
  /** Raised to disown all earlier results. */
  readonly epoch: number;
}

const configFileName = 'quern.config.yaml';
const projectMarks = [configFileName, '.git', 'package.json'] as const;

/** Reads the configuration of the project that a directory belongs to. */
export async function loadConfig(directory: string): Promise<Config> {
  const root = findProjectRoot(resolve(directory));
  const file = join(root, configFileName);
  const settings = existsSync(file) ? await readSettings(file) : {};
  const cache = isJsonObject(settings.cache) ? settings.cache : {};
  return {
    cacheDirectory: resolve(root, String(cache.dir ?? 'cache')),
    cacheBounds: cacheBounds(cache),
    ...memoryLimit(settings.resources),
    kindModules: (Array.isArray(settings.kinds) ? settings.kinds : []).map((path) => resolve(root, String(path))),
    epoch: Number(settings.epoch ?? 0),
  };
}

function memoryLimit(resources: unknown): { readonly memoryBytes?: number } {
  const memoryBytes = isJsonObject(resources) ? parseSizeBytes(String(resources.memory)) : undefined;
  return memoryBytes === undefined ? {} : { memoryBytes };
}

function cacheBounds({ maxSize, maxAge, minFree, gc }: JsonObject): CacheBounds {
  const maxSizeBytes = maxSize === 'none' ? Number.POSITIVE_INFINITY : parseSizeBytes(String(maxSize));
  const maxAgeMs = parseDurationMs(String(maxAge));
  const minFreeBytes = parseSizeBytes(String(minFree));
  return {
    ...(maxSizeBytes === undefined ? {} : { maxSizeBytes }),
    ...(maxAgeMs === undefined ? {} : { maxAgeMs }),
    ...(minFreeBytes === undefined ? {} : { minFreeBytes }),
    automatic: gc !== false,
  };
}

/** The nearest directory, from the given one up, that looks like the root of a project; else the directory itself. */
function findProjectRoot(directory: string): string {
  for (let current = directory; ; current = dirname(current)) {
    if (projectMarks.some((mark) => existsSync(join(current, mark)))) return current;
    if (dirname(current) === current) return directory;
  }
}

async function readSettings(file: string): Promise<JsonObject> {
  const { parse } = await import('yaml');
  let value: unknown;
  try {
    value = parse(readFileSync(file, 'utf8')) ?? {};
  } catch (error) {
    throw new QuernError(
      'recipe',
      `${file} is not valid YAML: ${error instanceof Error ? error.message.split('\n')[0] : error}`,
    );
  }
  const problem = settingsProblem(value);
  if (problem !== undefined) throw new QuernError('recipe', `${file}: ${problem}`);
  return value as JsonObject;
}

function settingsProblem(value: unknown): string | undefined {
  if (!isJsonObject(value)) return 'the configuration must be a mapping';
  const unknownKey = Object.keys(value).find((key) => !['cache', 'kinds', 'epoch', 'resources'].includes(key));
  if (unknownKey !== undefined) return `unknown key \`${unknownKey}\`; known are cache, kinds, epoch and resources`;
  const { cache, kinds, epoch, resources } = value;
  if (resources !== undefined && memoryLimit(resources).memoryBytes === undefined) {
    return '`resources` must be a mapping with `memory`, a size such as 8GiB';
  }
  if (cache !== undefined) {
    const problem = cacheProblem(cache);
    if (problem !== undefined) return problem;
  }
  if (kinds !== undefined && !(Array.isArray(kinds) && kinds.every((path) => typeof path === 'string'))) {
    return '`kinds` must be a list of paths';
  }
  if (epoch !== undefined && !Number.isSafeInteger(epoch)) return '`epoch` must be an integer';
  return undefined;
}

const cacheKeys = ['dir', 'maxSize', 'maxAge', 'minFree', 'gc'];

function cacheProblem(cache: unknown): string | undefined {
  if (!isJsonObject(cache)) return '`cache` must be a mapping';
  const unknownMember = Object.keys(cache).find((key) => !cacheKeys.includes(key));
  if (unknownMember !== undefined)
    return `unknown key \`cache.${unknownMember}\`; known are ${cacheKeys.map((key) => `cache.${key}`).join(', ')}`;
  const { dir, maxSize, maxAge, minFree, gc } = cache;
  if (dir !== undefined && typeof dir !== 'string') return '`cache.dir` must be a path';
  const isSize = (value: unknown): boolean => value === undefined || parseSizeBytes(String(value)) !== undefined;
  if (!isSize(maxSize) && maxSize !== 'none') return '`cache.maxSize` must be a size such as 20GiB, or none';
  if (!isSize(minFree)) return '`cache.minFree` must be a size such as 5GiB';
  if (maxAge !== undefined && parseDurationMs(String(maxAge)) === undefined)
    return '`cache.maxAge` must be a time such as 30d';
  return gc === undefined || typeof gc === 'boolean' ? undefined : '`cache.gc` must be true or false';
}
