import { appendFileSync, closeSync, mkdirSync, openSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import type { Store } from '../store/store.js';
import type { BuildEvent } from './events.js';

/** The file of a run that names the keys of the results it used, one a line. */
export const runKeysFile = 'keys';

/**
 * Keeps the events of a build that builds something, one JSON object a line, in `runs/<id>/events.jsonl` of the store,
 * and beside it the keys of its results.
 */
export class RunLog {
  readonly #directory: string;
  readonly #pending: string[] = [];
  readonly #keys: string[] = [];
  #file: number | undefined;

  constructor(store: Store) {
    const time = new Date().toISOString().replaceAll(/[:.]/g, '-');
    this.#directory = join(store.layout.runs, `${time}-${process.pid}`);
  }

  /** A build in which everything is cached writes nothing. */
  write(event: BuildEvent): void {
    if (event.type === 'stage-progress') return;
    this.#pending.push(`${JSON.stringify({ time: new Date().toISOString(), ...event })}\n`);
    if (event.type === 'stage-ended' && event.outcome.digest !== null && event.outcome.key !== null) {
      this.#keys.push(`${event.outcome.key}\n`);
    }
    if (event.type === 'stage-started' && this.#file === undefined) this.#open();
    if (this.#file === undefined) return;
    writeSync(this.#file, this.#pending.join(''));
    this.#pending.length = 0;
    if (this.#keys.length > 0) appendFileSync(join(this.#directory, runKeysFile), this.#keys.join(''));
    this.#keys.length = 0;
  }

  close(): void {
    if (this.#file !== undefined) closeSync(this.#file);
    this.#file = undefined;
  }

  #open(): void {
    mkdirSync(this.#directory, { recursive: true });
    this.#file = openSync(join(this.#directory, 'events.jsonl'), 'a');
  }
}
