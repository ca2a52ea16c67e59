import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { QuernError } from './errors.js';
import type { JsonObject } from './json.js';
import { isJsonObject } from './json.js';

/** Settings of a project. Every member has a value: the file `quern.config.yaml` is optional, and so is all in it. */
export interface Config {
  /** Directory of the store. */
  readonly cacheDirectory: string;
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
  const cache = settings.cache ?? {};
  return {
    cacheDirectory: resolve(root, String(Object(cache).dir ?? 'cache')),
    kindModules: (Array.isArray(settings.kinds) ? settings.kinds : []).map((path) => resolve(root, String(path))),
    epoch: Number(settings.epoch ?? 0),
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
  const unknownKey = Object.keys(value).find((key) => !['cache', 'kinds', 'epoch'].includes(key));
  if (unknownKey !== undefined) return `unknown key \`${unknownKey}\`; known are cache, kinds and epoch`;
  const { cache, kinds, epoch } = value;
  if (cache !== undefined) {
    if (!isJsonObject(cache)) return '`cache` must be a mapping';
    const unknownMember = Object.keys(cache).find((key) => key !== 'dir');
    if (unknownMember !== undefined) return `unknown key \`cache.${unknownMember}\`; known is cache.dir`;
    if (typeof cache.dir !== 'string') return '`cache.dir` must be a path';
  }
  if (kinds !== undefined && !(Array.isArray(kinds) && kinds.every((path) => typeof path === 'string'))) {
    return '`kinds` must be a list of paths';
  }
  if (epoch !== undefined && !Number.isSafeInteger(epoch)) return '`epoch` must be an integer';
  return undefined;
}
