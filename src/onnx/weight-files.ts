import { sha256 } from '../json.js';

const longestName = 100;

/** Names that Windows keeps for devices, with any extension. */
const deviceName = /^(con|prn|aux|nul|com\d|lpt\d)(\.|$)/i;

/**
 * Chooses a file name for each tensor name: the name itself where every file system takes it, else a readable part of it
 * and a digest. No two are the same, not even where case does not count. The order of the calls decides who gets the
 * plain name.
 */
export class WeightFileNames {
  readonly #taken: Set<string>;

  /** `taken`: names that nobody gets. */
  constructor(taken: readonly string[] = []) {
    this.#taken = new Set(taken.map((name) => name.toLowerCase()));
  }

  nameFor(tensorName: string): string {
    const readable = tensorName
      .replace(/[^A-Za-z0-9._-]+/g, '_')
      .replace(/^[._]+|[._]+$/g, '')
      .slice(0, longestName);
    const plain = readable === tensorName && readable !== '' && !deviceName.test(readable);
    if (plain && this.#take(readable)) return readable;
    for (let attempt = 0; ; attempt++) {
      const digest = sha256(attempt === 0 ? tensorName : `${tensorName}\0${attempt}`).slice(0, 16);
      const name = `tensor_${readable}-${digest}`;
      if (this.#take(name)) return name;
    }
  }

  #take(name: string): boolean {
    const key = name.toLowerCase();
    if (this.#taken.has(key)) return false;
    this.#taken.add(key);
    return true;
  }
}
