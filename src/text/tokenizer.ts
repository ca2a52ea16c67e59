import { Tokenizer as Engine } from '@huggingface/tokenizers';
import { QuernError } from '../errors.js';
import { readJsonObject } from '../files/json-file.js';
import { printable, quote } from '../files/quote.js';
import type { JsonObject } from '../json.js';
import { mendNormalizer, mendPreTokenizer } from './mend-tokenizer.js';
import { type PieceRule, pieceRule, piecesOf } from './piecewise.js';
import { postProcessorOf, specialToken } from './special-tokens.js';
import { checkTokenizerJson, type TokenizerJson } from './tokenizer-json.js';

export interface TokenizerFiles {
  /** Path of `tokenizer.json`. */
  readonly tokenizerJson: string;
  /** Path of `tokenizer_config.json`: says which tokens begin and end a text. */
  readonly tokenizerConfig?: string;
}

export interface SpecialTokens {
  /** Whether the tokens the tokenizer puts round a text (`</s>` in front for OPT) are part of the ids. */
  readonly special: boolean;
}

function failure(path: string, error: unknown): QuernError {
  const reason = error instanceof Error ? error.message : String(error);
  return new QuernError('input', `${path} is not a tokenizer that can be used: ${printable(reason)}`, {
    cause: error,
    suggestion: 'is it the tokenizer.json of a supported tokenizer?',
  });
}

function createEngine(path: string, { json, idOf }: TokenizerJson, config: JsonObject): Engine {
  const parts = {
    ...{ decoder: null, ...json },
    normalizer: mendNormalizer(json.normalizer),
    pre_tokenizer: mendPreTokenizer(json.pre_tokenizer),
    post_processor: postProcessorOf(json, config, idOf),
  };
  try {
    return new Engine(parts, config);
  } catch (error) {
    throw failure(path, error);
  }
}

function tokenText(config: JsonObject, field: string, path: string): string | undefined {
  const value = config[field];
  if (value === undefined || value === null) return undefined;
  const text = specialToken(value);
  if (text === undefined) throw new QuernError('input', `${path}: ${field} must be a token, got ${quote(value)}`);
  return text;
}

/** Texts longer than this (in UTF-16 code units) are tokenized in pieces, for which the tokenizer needs 70 times their size. */
const pieceLength = 256 * 1024;

/** Turns text into the token ids of a model and back. */
export class Tokenizer {
  readonly path: string;
  /** One more than the largest token id, added tokens included. */
  readonly vocabularySize: number;
  /** The token that begins a text, where the tokenizer has one. */
  readonly bosTokenId: number | undefined;
  /** The token that ends a text, where the tokenizer has one. */
  readonly eosTokenId: number | undefined;
  readonly #engine: Engine;
  readonly #pieceRule: PieceRule | undefined;

  constructor(files: TokenizerFiles) {
    this.path = files.tokenizerJson;
    const tokenizer = checkTokenizerJson(readJsonObject(this.path), this.path);
    const config = files.tokenizerConfig === undefined ? {} : readJsonObject(files.tokenizerConfig);
    this.vocabularySize = tokenizer.vocabularySize;
    this.#engine = createEngine(this.path, tokenizer, config);
    this.#pieceRule = pieceRule(tokenizer.json);
    const configPath = files.tokenizerConfig ?? this.path;
    this.bosTokenId = this.#specialTokenId(config, 'bos_token', configPath);
    this.eosTokenId = this.#specialTokenId(config, 'eos_token', configPath);
    // A post-processor that adds tokens the vocabulary lacks is found here and not in the middle of a stage.
    this.encode('', { special: true });
  }

  /** Whether a text of any length can be tokenized without taking much more memory than its ids. */
  get takesLongTexts(): boolean {
    return this.#pieceRule !== undefined;
  }

  /**
   * The token ids of a text, or of a part of it from its start that has `enough`. A text with something that the
   * vocabulary has no token for is a QuernError.
   */
  encode(text: string, { special, enough = Infinity }: SpecialTokens & { readonly enough?: number }): Int32Array {
    if (this.#pieceRule === undefined || text.length <= pieceLength)
      return Int32Array.from(this.#encode(text, special));
    const around = special ? this.#surroundings() : { before: [], after: [] };
    if (around === undefined) return Int32Array.from(this.#encode(text, special));
    const parts: (readonly number[])[] = [around.before];
    let count = around.before.length;
    for (const piece of piecesOf(text, pieceLength, this.#pieceRule)) {
      const ids = this.#encode(piece, false);
      parts.push(ids);
      count += ids.length;
      if (count >= enough) return joined(parts);
    }
    return joined([...parts, around.after]);
  }

  /**
   * The text of token ids, without any cleaning up of spaces, special tokens included unless they are asked to be left
   * out. Ids that have no token (rows a model was padded with) give no text.
   */
  decode(ids: Iterable<number>, { special }: SpecialTokens = { special: true }): string {
    const known = [...ids].filter((id) => this.#engine.id_to_token(id) !== undefined);
    if (known.length === 0) return '';
    return this.#engine.decode(known, { skip_special_tokens: !special, clean_up_tokenization_spaces: false });
  }

  /** Throws a QuernError if some token id has no row in an embedding of `rows` rows. */
  checkVocabulary(rows: number): void {
    if (this.vocabularySize <= rows) return;
    const largest = (this.vocabularySize - 1).toLocaleString('en-US');
    throw new QuernError(
      'input',
      `${this.path}: the tokenizer makes id ${largest} but the model has ${rows.toLocaleString('en-US')} rows`,
      { suggestion: 'is this the tokenizer of this model?' },
    );
  }

  #encode(text: string, special: boolean): readonly number[] {
    const { ids, tokens } = this.#run(text, special);
    const unknown = ids.findIndex((id) => !Number.isInteger(id));
    if (unknown < 0) return ids;
    throw new QuernError(
      'input',
      `${this.path} has no id for ${quote(tokens[unknown])}, and no token for unknown text`,
    );
  }

  #run(text: string, special: boolean): { readonly ids: readonly number[]; readonly tokens: readonly string[] } {
    try {
      return this.#engine.encode(text, { add_special_tokens: special });
    } catch (error) {
      throw failure(this.path, error);
    }
  }

  /** The ids that stand round every text, or `undefined` if they depend on the text. */
  #surroundings(): { readonly before: readonly number[]; readonly after: readonly number[] } | undefined {
    const plain = this.#encode(sample, false);
    const whole = this.#encode(sample, true);
    const start = whole.findIndex((_, index) => plain.every((id, offset) => whole[index + offset] === id));
    return start < 0 ? undefined : { before: whole.slice(0, start), after: whole.slice(start + plain.length) };
  }

  #specialTokenId(config: JsonObject, field: string, configPath: string): number | undefined {
    const text = tokenText(config, field, configPath);
    if (text === undefined) return undefined;
    const id = this.#engine.token_to_id(text);
    if (id !== undefined) return id;
    throw new QuernError('input', `${configPath}: ${field} is ${quote(text)}, which ${this.path} has no id for`, {
      suggestion: 'are the two files of the same tokenizer?',
    });
  }
}

/** Any text that no special token is part of. */
const sample = 'a';

function joined(parts: readonly (readonly number[])[]): Int32Array {
  const ids = new Int32Array(parts.reduce((sum, { length }) => sum + length, 0));
  let position = 0;
  for (const part of parts) {
    ids.set(part, position);
    position += part.length;
  }
  return ids;
}

/** Opens a tokenizer. Files that are missing, broken or not a tokenizer's are a QuernError. */
export function openTokenizer(files: TokenizerFiles): Tokenizer {
  return new Tokenizer(files);
}
