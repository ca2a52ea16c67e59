import type { Tokenizer } from './tokenizer.js';

/** What a token that ends within a character is decoded to at its end. */
const replacement = '\uFFFD';

/**
 * The text of tokens that come one by one. A character whose bytes are in several tokens comes with the last of them, and
 * tokens are decoded behind those before them, on which some decoders depend. All parts together are the text of all tokens.
 */
export class TextStream {
  readonly #tokenizer: Pick<Tokenizer, 'decode'>;
  /** Tokens from the start of the part before the last one on. */
  readonly #ids: number[] = [];
  /** How many of `#ids` have been given out as text. */
  #given = 0;

  constructor(tokenizer: Pick<Tokenizer, 'decode'>) {
    this.#tokenizer = tokenizer;
  }

  /** The text that is known now and was not before; empty within a character. */
  push(id: number): string {
    this.#ids.push(id);
    const { text, known } = this.#texts();
    if (text.endsWith(replacement) || text.length <= known.length) return '';
    this.#ids.splice(0, this.#given);
    this.#given = this.#ids.length;
    return text.slice(known.length);
  }

  /** What is left when no token comes any more: an unfinished character. */
  end(): string {
    const { text, known } = this.#texts();
    this.#ids.length = 0;
    this.#given = 0;
    return text.slice(known.length);
  }

  #texts(): { readonly text: string; readonly known: string } {
    return {
      text: this.#tokenizer.decode(this.#ids, { special: false }),
      known: this.#tokenizer.decode(this.#ids.slice(0, this.#given), { special: false }),
    };
  }
}
