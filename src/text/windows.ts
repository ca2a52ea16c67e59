/** Windows of token ids over one long text. They are views of one array, not copies. */
export class TokenWindows {
  /** Token ids in a window. */
  readonly length: number;
  /** Token ids from the start of one window to the start of the next. */
  readonly stride: number;
  /** How many windows there are. */
  readonly count: number;
  readonly #ids: Int32Array;

  /** Every full window that fits into `ids`; what is left at the end is dropped. */
  constructor(ids: Int32Array, length: number, stride = length) {
    if (
      !(Number.isSafeInteger(length) && length > 0 && Number.isSafeInteger(stride) && stride > 0 && stride <= length)
    ) {
      throw new Error(`no windows of ${length} tokens every ${stride} tokens`);
    }
    this.#ids = ids;
    this.length = length;
    this.stride = stride;
    this.count = ids.length < length ? 0 : Math.floor((ids.length - length) / stride) + 1;
  }

  /** The token ids of window `index`, counted from 0. */
  at(index: number): Int32Array {
    if (!(Number.isInteger(index) && index >= 0 && index < this.count)) {
      throw new Error(`there is no window ${index} of ${this.count}`);
    }
    const start = index * this.stride;
    return this.#ids.subarray(start, start + this.length);
  }

  /** The first `count` windows, of which there must be as many. */
  first(count: number): TokenWindows {
    if (!(Number.isInteger(count) && count >= 1 && count <= this.count)) {
      throw new Error(`can't take ${count} of ${this.count} windows`);
    }
    const end = (count - 1) * this.stride + this.length;
    return new TokenWindows(this.#ids.subarray(0, end), this.length, this.stride);
  }

  *[Symbol.iterator](): Generator<Int32Array> {
    for (let index = 0; index < this.count; index++) yield this.at(index);
  }
}
