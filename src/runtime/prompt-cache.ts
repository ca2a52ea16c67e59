import { checkTruncation, type Decoder } from './decoder.js';

/**
 * A decoder that keeps what it has read when it is reset: a text that begins like the one before is read from where they
 * differ. For decoders whose results don't depend on how a text is cut into passes.
 */
export class PromptCache implements Decoder {
  readonly #decoder: Decoder;
  /** What the caches of the decoder hold. The first `pastLength` of them count as read. */
  #known: number[] = [];
  #pastLength = 0;

  constructor(decoder: Decoder) {
    this.#decoder = decoder;
  }

  get pastLength(): number {
    return this.#pastLength;
  }

  get capacity(): number {
    return this.#decoder.capacity;
  }

  /** The last token is always read: its logits are asked for. */
  forward(ids: ArrayLike<number>): Float32Array {
    let same = 0;
    while (same < ids.length - 1 && this.#known[this.#pastLength + same] === ids[same]) same++;
    this.#cut(this.#pastLength + same);
    return this.#read(ids, this.#decoder.forward(Array.from(ids).slice(same)));
  }

  forwardAll(ids: ArrayLike<number>): Float32Array {
    this.#cut(this.#pastLength);
    return this.#read(ids, this.#decoder.forwardAll(ids));
  }

  prepare(rows: number): void {
    this.#decoder.prepare(rows);
  }

  truncate(length: number): void {
    checkTruncation(length, this.#pastLength);
    this.#pastLength = length;
  }

  reset(): void {
    this.#pastLength = 0;
  }

  close(): void {
    this.#decoder.close();
  }

  #cut(length: number): void {
    this.#decoder.truncate(length);
    this.#known.length = length;
  }

  /** `ids` were read behind `pastLength`; the first of them may have been known. */
  #read(ids: ArrayLike<number>, logits: Float32Array): Float32Array {
    this.#known.length = this.#pastLength;
    this.#known.push(...Array.from(ids));
    this.#pastLength = this.#known.length;
    return logits;
  }
}
