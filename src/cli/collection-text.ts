import { formatBytes } from '../format.js';
import type { Collection } from '../store/gc/collect.js';

/** What a gc did, in one line. */
export function collectionText(collection: Collection, dryRun = false): string {
  const { beforeBytes, afterBytes, removals, targetBytes } = collection;
  const results = `${removals.length} ${removals.length === 1 ? 'result' : 'results'}`;
  const what = `cache: ${dryRun ? 'would free' : 'freed'} ${formatBytes(beforeBytes - afterBytes)} (${results})`;
  const isOver = afterBytes > targetBytes;
  const rest = isOver
    ? `, which is over the bound of ${formatBytes(targetBytes)}: recipes, pins or builds need it`
    : '';
  return `${what}, ${formatBytes(afterBytes)} ${dryRun ? 'would be left' : 'left'}${rest}`;
}
