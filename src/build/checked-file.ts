import { readFileSync } from 'node:fs';
import type { JsonObject } from '../json.js';
import { isJsonObject, sha256 } from '../json.js';
import type { CheckedParameters } from '../recipe/checked-parameters.js';
import { writeStoreFile } from '../store/atomic.js';
import { Layout } from '../store/layout.js';

/**
 * The parameters of a recipe that have passed their schemas, in a file of the store. It is read before the store is
 * opened, and may be missing or damaged at any time: then they are checked again.
 */
export class CheckedFile implements CheckedParameters {
  readonly #path: string;
  readonly #layout: Layout;
  readonly #known: ReadonlyMap<string, JsonObject>;
  readonly #used = new Map<string, JsonObject>();

  constructor(cacheDirectory: string, recipePath: string) {
    this.#layout = new Layout(cacheDirectory);
    this.#path = `${this.#layout.checked}/${sha256(recipePath)}.json`;
    this.#known = readEntries(this.#path);
  }

  find(key: string): JsonObject | undefined {
    const found = this.#known.get(key);
    if (found !== undefined) this.#used.set(key, found);
    return found;
  }

  add(key: string, filledIn: JsonObject): void {
    this.#used.set(key, filledIn);
  }

  /** Keeps what was used, if that is not what the file has. Losing it costs a little time, so it is not flushed to disk. */
  write(): void {
    const isSame = this.#used.size === this.#known.size && [...this.#used.keys()].every((key) => this.#known.has(key));
    if (isSame) return;
    writeStoreFile(this.#layout, this.#path, JSON.stringify(Object.fromEntries(this.#used)), { durable: false });
  }
}

function readEntries(path: string): ReadonlyMap<string, JsonObject> {
  try {
    const value: unknown = JSON.parse(readFileSync(path, 'utf8'));
    const entries = isJsonObject(value) ? Object.entries(value) : [];
    return new Map(entries.flatMap(([key, filledIn]) => (isJsonObject(filledIn) ? [[key, filledIn] as const] : [])));
  } catch {
    return new Map();
  }
}
