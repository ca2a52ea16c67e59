import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { canonicalJson, sha256 } from '../../src/json.js';
import type { WorkContext } from '../../src/stages/kind.js';

/** Keeps parts of the work of stages, all with the same inputs, in a directory, and can stop work that asks for too many. */
export class KeptParts {
  /** Descriptions of the parts that had to be made. */
  readonly made: object[] = [];
  /** Parts that may still be made. */
  remaining = Number.POSITIVE_INFINITY;
  readonly #directory: string;

  constructor(directory: string) {
    this.#directory = directory;
    mkdirSync(directory);
  }

  readonly part: WorkContext['part'] = async ({ description }, make) => {
    const directory = join(this.#directory, sha256(canonicalJson(description)));
    const known = this.made.some((one) => canonicalJson({ ...one }) === canonicalJson(description));
    if (known) return directory;
    if (this.remaining === 0) throw new Error('stopped');
    this.remaining--;
    rmSync(directory, { recursive: true, force: true });
    mkdirSync(directory);
    await make(directory);
    this.made.push(description);
    return directory;
  };
}
