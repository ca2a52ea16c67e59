import { basename } from 'node:path';
import type { StoredResult } from '../../../build/store-listing.js';
import { listResults } from '../../../build/store-listing.js';
import type { ExitCode } from '../../../errors.js';
import { exitCodes } from '../../../errors.js';
import { formatAge, formatBytes } from '../../../format.js';
import type { CacheOptions } from '../../cache-options.js';
import { formatTable, printJson } from '../../output.js';
import { openStore } from '../../project.js';

/** `quern cache ls`: the results in the store, the one used last first. */
export async function cacheLs(options: CacheOptions): Promise<ExitCode> {
  const store = await openStore(options);
  const results = listResults(store);
  if (options.json) {
    printJson({ store: store.root, results });
    return exitCodes.done;
  }
  if (results.length === 0) {
    process.stdout.write(`${store.root} holds no results.\n`);
    return exitCodes.done;
  }
  const heading = ['kind', 'key', 'size', 'built', 'used', 'needed by'];
  process.stdout.write(`${formatTable([heading, ...results.map((result) => row(result, Date.now()))]).join('\n')}\n`);
  return exitCodes.done;
}

function row(
  { kind, key, sizeBytes, parts, finishedAt, lastUsedAt, usedBy, pinned }: StoredResult,
  nowMs: number,
): string[] {
  const users = usedBy.map(({ recipe, stage }) => `${basename(recipe)}:${stage}`);
  return [
    kind,
    key.slice(0, 12),
    formatBytes(sizeBytes),
    finishedAt === null ? (parts > 0 ? `unfinished, ${parts} parts` : '?') : formatAge(nowMs - Date.parse(finishedAt)),
    formatAge(nowMs - Date.parse(lastUsedAt)),
    [...(pinned ? ['pinned'] : []), ...users].join(', '),
  ];
}
