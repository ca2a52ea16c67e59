import type { Command } from 'commander';
import { Option } from 'commander';
import type { ExitCode } from '../errors.js';
import { QuernError } from '../errors.js';
import { parseDurationMs, parseSizeBytes } from '../quantities.js';
import type { CacheOptions, GcCommandOptions, PinCommandOptions, VerifyCommandOptions } from './cache-options.js';

type Choose = (verb: () => Promise<ExitCode>) => void;

/** Adds `quern cache` with its verbs. */
export function addCacheCommand(program: Command, choose: Choose): void {
  const cache = program
    .command('cache')
    .description('looks at the store of results and cleans it up')
    .exitOverride()
    .showHelpAfterError('(quern cache --help shows the verbs)');
  cacheVerb(cache, 'ls', 'lists the results that are stored').action((options: CacheOptions) =>
    choose(async () => (await import('./verbs/cache/ls.js')).cacheLs(options)),
  );
  cacheVerb(cache, 'du', 'says how much is stored, by kind of stage').action((options: CacheOptions) =>
    choose(async () => (await import('./verbs/cache/du.js')).cacheDu(options)),
  );
  cacheVerb(cache, 'gc', 'removes results that no recipe needs, the least recently used first')
    .addOption(sizeOption('--max-size <size>', 'what is kept at the most, for example 20GiB'))
    .addOption(
      new Option('--max-age <time>', 'removes what was not used for so long, for example 30d').argParser((text) =>
        parseOrRefuse('--max-age', text, parseDurationMs, '30d'),
      ),
    )
    .addOption(sizeOption('--min-free <size>', 'makes so much room on the disk'))
    .option('--pins-only', 'also removes what recipes and late runs need')
    .option('-n, --dry-run', 'says what would be removed')
    .action((options: GcCommandOptions) => choose(async () => (await import('./verbs/cache/gc.js')).cacheGc(options)));
  cacheVerb(cache, 'verify', 'reads everything that is stored and compares it with its digests')
    .option('--repair', 'moves what is damaged to the quarantine, so that the next build makes it anew')
    .action((options: VerifyCommandOptions) =>
      choose(async () => (await import('./verbs/cache/verify.js')).cacheVerify(options)),
    );
  pinVerb(cache, 'pin', 'keeps the results of stages, and of what they need, until they are unpinned')
    .option('--list', 'lists what is pinned')
    .action((recipe: string | undefined, stages: string[], options: PinCommandOptions) =>
      choose(async () => (await import('./verbs/cache/pin.js')).cachePin(recipe, stages, options)),
    );
  pinVerb(cache, 'unpin', 'ends pins of a recipe, or of stages of it').action(
    (recipe: string | undefined, stages: string[], options: CacheOptions) =>
      choose(async () => (await import('./verbs/cache/pin.js')).cacheUnpin(recipe, stages, options)),
  );
}

function cacheVerb(cache: Command, name: string, description: string): Command {
  return cache
    .command(name)
    .description(description)
    .exitOverride()
    .option('--json', 'one JSON document on standard output')
    .option('--cache <directory>', 'directory of the store (also QUERN_CACHE)')
    .option('-v, --verbose', 'shows stacks and causes of errors');
}

function pinVerb(cache: Command, name: string, description: string): Command {
  return cacheVerb(cache, name, description).argument('[recipe]').argument('[stage...]');
}

function sizeOption(flags: string, description: string): Option {
  const [name = flags] = flags.split(' ');
  return new Option(flags, description).argParser((text) => parseOrRefuse(name, text, parseSizeBytes, '20GiB'));
}

function parseOrRefuse(
  option: string,
  text: string,
  parse: (text: string) => number | undefined,
  example: string,
): number {
  const value = parse(text);
  if (value !== undefined) return value;
  throw new QuernError('usage', `${option} takes a quantity such as ${example}, got ${JSON.stringify(text)}`);
}
