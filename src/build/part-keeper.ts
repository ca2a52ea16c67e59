import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { JsonObject } from '../json.js';
import type { Digest } from '../store/digest.js';
import type { Sandbox } from '../store/sandbox.js';
import type { Store } from '../store/store.js';
import { hardwareFingerprint } from './engines.js';
import type { OpenedPart, PartKeeper, PartRequest } from './executors/executor.js';
import type { PartRecord } from './part.js';
import { parsePartRecord, partAction, partKey } from './part.js';
import type { ConcreteAction } from './plan.js';

interface PartInWork {
  readonly directory: string;
  readonly request: PartRequest;
  readonly startedMs: number;
}

/** How many parts of one unit an action has, and how many of them were in the store before. */
export interface PartCount {
  readonly unit: string;
  readonly count: number;
  readonly found: number;
}

/**
 * Keeps the parts of one action in the store. The record of a part is written last: a crash at any instant loses at most
 * the parts that are being made.
 */
export class StorePartKeeper implements PartKeeper {
  readonly #store: Store;
  readonly #concrete: ConcreteAction;
  readonly #directory: string;
  readonly #forced: boolean;
  readonly #known = new Map<string, Digest>();
  readonly #inWork = new Map<string, PartInWork>();
  readonly #counts = new Map<string, { count: number; found: number }>();
  #next = 0;

  /** With `forced` nothing is looked for, and what is made replaces what was there. */
  constructor(store: Store, concrete: ConcreteAction, sandbox: Sandbox, forced: boolean) {
    this.#store = store;
    this.#concrete = concrete;
    this.#directory = join(sandbox.directory, 'parts');
    this.#forced = forced;
    mkdirSync(this.#directory);
  }

  /** The content of the files of all parts, by identity. */
  get known(): ReadonlyMap<string, Digest> {
    return this.#known;
  }

  get counts(): readonly PartCount[] {
    return [...this.#counts].map(([unit, counts]) => ({ unit, ...counts }));
  }

  async open(request: PartRequest): Promise<OpenedPart> {
    const directory = join(this.#directory, String(this.#next++));
    const key = partKey(partAction(this.#concrete.action, request));
    const record = this.#forced ? undefined : await this.#store.claimRecord(key, parsePartRecord);
    const counts = this.#counts.get(request.unit) ?? { count: 0, found: 0 };
    this.#counts.set(request.unit, counts);
    counts.count++;
    if (record !== undefined) {
      counts.found++;
      this.#link(record.artifact, directory);
      return { directory, isMade: true };
    }
    mkdirSync(directory);
    this.#inWork.set(directory, { directory, request, startedMs: performance.now() });
    return { directory, isMade: false };
  }

  async keep(directory: string): Promise<void> {
    const part = this.#inWork.get(directory);
    if (part === undefined) throw new Error(`no part is being made in ${directory}`);
    this.#inWork.delete(directory);
    const { digest, sizeBytes } = await this.#store.publishTree(directory, this.#known);
    const record = this.#recordOf(part, digest, sizeBytes);
    this.#store.writeRecord(record as unknown as JsonObject & { format: number; key: string });
    rmSync(directory, { recursive: true });
    this.#link(digest, directory);
  }

  #link(artifact: Digest, directory: string): void {
    for (const [identity, digest] of this.#store.linkTree(artifact, directory)) this.#known.set(identity, digest);
  }

  #recordOf({ request, startedMs }: PartInWork, artifact: Digest, sizeBytes: number): PartRecord {
    const part = partAction(this.#concrete.action, request);
    return {
      format: 1,
      key: partKey(part),
      part,
      madeFor: this.#concrete.key,
      artifact,
      sizeBytes,
      finishedAt: new Date().toISOString(),
      durationMs: Math.round(performance.now() - startedMs),
      machine: hardwareFingerprint(),
    };
  }
}
