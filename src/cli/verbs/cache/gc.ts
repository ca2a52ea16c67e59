import { collectGarbage } from '../../../build/collect.js';
import { loadConfig } from '../../../config.js';
import type { ExitCode } from '../../../errors.js';
import { exitCodes } from '../../../errors.js';
import { formatBytes } from '../../../format.js';
import type { Collection } from '../../../store/gc/collect.js';
import { describeHolder } from '../../../store/locks.js';
import type { GcCommandOptions } from '../../cache-options.js';
import { collectionText } from '../../collection-text.js';
import { printJson } from '../../output.js';
import { openStore } from '../../project.js';

/** `quern cache gc`: brings the store down to its bounds. Options go before the configuration. */
export async function cacheGc(options: GcCommandOptions): Promise<ExitCode> {
  const config = await loadConfig(process.cwd());
  const store = await openStore(options, config);
  const { maxSize, maxAge, minFree, dryRun, pinsOnly } = options;
  const collection = await collectGarbage(store, {
    ...config.cacheBounds,
    ...(maxSize === undefined ? {} : { maxSizeBytes: maxSize }),
    ...(maxAge === undefined ? {} : { maxAgeMs: maxAge }),
    ...(minFree === undefined ? {} : { minFreeBytes: minFree }),
    dryRun: dryRun === true,
    pinsOnly: pinsOnly === true,
    onWait: (holder) => process.stderr.write(`waits for another gc or verify, ${describeHolder(holder)}\n`),
  });
  if (options.json) printJson(document(store.root, collection, dryRun === true));
  else process.stdout.write(`${textLines(collection, dryRun === true).join('\n')}\n`);
  return exitCodes.done;
}

function document(store: string, collection: Collection, dryRun: boolean): object {
  const { beforeBytes, afterBytes, removals, removedTrees, removedBlobs, leftovers } = collection;
  return {
    store,
    dryRun,
    beforeBytes,
    afterBytes,
    freedBytes: beforeBytes - afterBytes,
    removed: removals.map(({ record, reason, freedBytes }) => ({ key: record.key, reason, freedBytes })),
    removedTrees,
    removedBlobs,
    leftovers,
  };
}

function textLines(collection: Collection, dryRun: boolean): string[] {
  const listed = dryRun
    ? collection.removals.map(
        ({ record, reason, freedBytes }) =>
          `would remove ${record.key.slice(0, 12)} (${reason}): ${formatBytes(freedBytes)}`,
      )
    : [];
  return [...listed, collectionText(collection, dryRun)];
}
