import type { ExitCode } from '../../../errors.js';
import { exitCodes } from '../../../errors.js';
import { formatBytes } from '../../../format.js';
import { gcLockName } from '../../../store/gc/collect.js';
import { describeHolder } from '../../../store/locks.js';
import { verifyStore } from '../../../store/verify-store.js';
import type { VerifyCommandOptions } from '../../cache-options.js';
import { printJson } from '../../output.js';
import { byteProgress } from '../../progress/bytes.js';
import { openStore } from '../../project.js';

/**
 * `quern cache verify [--repair]`: reads all that is stored. Exit code 1 when something is damaged and was not repaired:
 * with `--repair` damaged things are moved away, and the store is sound afterwards.
 */
export async function cacheVerify(options: VerifyCommandOptions): Promise<ExitCode> {
  const store = await openStore(options);
  const repair = options.repair === true;
  const lock = await store.locks.acquire(gcLockName, 'exclusive', {
    purpose: 'verify',
    onWait: (holder) => process.stderr.write(`waits for a gc, ${describeHolder(holder)}\n`),
  });
  const progress = byteProgress('read');
  try {
    const verification = await verifyStore(store.layout, { repair, onProgress: progress.update });
    progress.end();
    const { damages, records, trees, blobs, readBytes } = verification;
    const isSound = damages.length === 0 || repair;
    if (options.json) {
      printJson({ store: store.root, sound: isSound, repaired: repair ? damages.length : 0, ...verification });
    } else {
      for (const { what, name, problem } of damages) process.stdout.write(`${what} ${name}: ${problem}\n`);
      const found = damages.length === 0 ? 'nothing is damaged' : `${damages.length} damaged`;
      const done = damages.length === 0 ? '' : repair ? ', moved to the quarantine' : '. quern cache verify --repair';
      const counts = `${records} records, ${trees} trees and ${blobs} blobs (${formatBytes(readBytes)})`;
      process.stdout.write(`${counts}: ${found}${done}\n`);
    }
    return isSound ? exitCodes.done : exitCodes.stageFailed;
  } finally {
    progress.end();
    lock.release();
  }
}
