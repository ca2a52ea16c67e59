import { storeUsage } from '../../../build/store-listing.js';
import type { ExitCode } from '../../../errors.js';
import { exitCodes } from '../../../errors.js';
import { formatBytes } from '../../../format.js';
import type { CacheOptions } from '../../cache-options.js';
import { formatTable, printJson } from '../../output.js';
import { openStore } from '../../project.js';

/** `quern cache du`: how much the results of each kind take. */
export async function cacheDu(options: CacheOptions): Promise<ExitCode> {
  const store = await openStore(options);
  const usage = storeUsage(store);
  if (options.json) {
    printJson({ store: store.root, ...usage });
    return exitCodes.done;
  }
  const rows = usage.kinds.map(({ kind, results, sizeBytes, sharedBytes }) => [
    kind,
    `${results} ${results === 1 ? 'result' : 'results'}`,
    formatBytes(sizeBytes),
    sharedBytes === 0 ? '' : `${formatBytes(sharedBytes)} of it shared with other kinds`,
  ]);
  const unreferenced =
    usage.unreferencedBytes === 0 ? [] : [['(none)', '', formatBytes(usage.unreferencedBytes), 'the next gc frees it']];
  const total = ['total', '', formatBytes(usage.totalBytes), 'shared bytes counted once'];
  process.stdout.write(`${formatTable([...rows, ...unreferenced, total]).join('\n')}\n`);
  return exitCodes.done;
}
