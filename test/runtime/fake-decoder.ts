import { checkTruncation, type Decoder } from '../../src/runtime/decoder.js';

/** A decoder without a model: the logits behind a token are what a function of it and its position says. */
export class FakeDecoder implements Decoder {
  pastLength = 0;
  /** Numbers of tokens of the calls so far. */
  readonly calls: number[] = [];
  readonly #logits: (id: number, position: number) => readonly number[];

  constructor(
    logits: (id: number, position: number) => readonly number[],
    readonly capacity = 100,
  ) {
    this.#logits = logits;
  }

  forward(ids: ArrayLike<number>): Float32Array {
    const all = this.forwardAll(ids);
    return all.subarray(all.length - all.length / ids.length);
  }

  forwardAll(ids: ArrayLike<number>): Float32Array {
    this.calls.push(ids.length);
    const rows = Array.from(ids, (id) => this.#logits(id, this.pastLength++));
    return Float32Array.from(rows.flat());
  }

  prepare(): void {}

  truncate(length: number): void {
    checkTruncation(length, this.pastLength);
    this.pastLength = length;
  }

  reset(): void {
    this.pastLength = 0;
  }

  close(): void {}
}

/** Says that after a token comes the next one of four. */
export function countingLogits(id: number): readonly number[] {
  return [0, 1, 2, 3].map((token) => (token === (id + 1) % 4 ? 5 : token));
}
