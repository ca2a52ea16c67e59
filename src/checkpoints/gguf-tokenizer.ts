import { QuernError } from '../errors.js';
import type { GgufFile } from './gguf.js';
import type { GgufValue } from './gguf-metadata.js';

/** The tokenizer in a GGUF file, as its `tokenizer.ggml.*` values say it. */
export interface GgufTokenizer {
  /** Kind of model: `gpt2` (byte-level BPE), `llama` (SentencePiece BPE), ... */
  readonly model: string;
  /** Name of the pre-tokenizer, for example `smollm` or `llama-bpe`. */
  readonly pre: string | undefined;
  /** Texts of the tokens; the place in the list is the id. */
  readonly tokens: readonly string[];
  /** For each token: 1 normal, 2 unknown, 3 control, 4 user-defined, 5 unused, 6 byte. */
  readonly tokenTypes: Int32Array | undefined;
  readonly scores: Float32Array | undefined;
  /** Pairs with one space between them, the one to be merged first in front. */
  readonly merges: readonly string[] | undefined;
  readonly bosTokenId: number | undefined;
  readonly eosTokenId: number | undefined;
  readonly unknownTokenId: number | undefined;
  readonly paddingTokenId: number | undefined;
  readonly addBosToken: boolean | undefined;
  readonly addEosToken: boolean | undefined;
  readonly addSpacePrefix: boolean | undefined;
  /** A Jinja template. */
  readonly chatTemplate: string | undefined;
}

/** Reads the tokenizer of a GGUF file, or `undefined` if it has none. Values of the wrong type are a QuernError. */
export function ggufTokenizer({ path, metadata }: GgufFile): GgufTokenizer | undefined {
  const read = <Value extends GgufValue>(
    key: string,
    accepts: (value: GgufValue) => value is Value,
    expected: string,
  ): Value | undefined => {
    const value = metadata.get(key);
    if (value === undefined || accepts(value)) return value;
    throw new QuernError('input', `${path}: ${key} is not ${expected}`);
  };
  const text = (key: string): string | undefined => read(key, (value) => typeof value === 'string', 'a text');
  const flag = (key: string): boolean | undefined => read(key, (value) => typeof value === 'boolean', 'true or false');
  const texts = (key: string): readonly string[] | undefined => read(key, isTexts, 'a list of texts');
  const model = text('tokenizer.ggml.model');
  const tokens = texts('tokenizer.ggml.tokens');
  if (model === undefined || tokens === undefined) return undefined;
  const id = (key: string): number | undefined => {
    const isId = (value: GgufValue): value is number =>
      typeof value === 'number' && Number.isInteger(value) && value >= 0 && value < tokens.length;
    return read(key, isId, `the id of one of its ${tokens.length} tokens`);
  };
  const tokenTypes = read('tokenizer.ggml.token_type', isInt32Array, 'a list of 32-bit integers');
  const scores = read('tokenizer.ggml.scores', isFloat32Array, 'a list of 32-bit floats');
  for (const [key, list] of [['token_type', tokenTypes] as const, ['scores', scores] as const]) {
    if (list === undefined || list.length === tokens.length) continue;
    throw new QuernError(
      'input',
      `${path}: tokenizer.ggml.${key} has ${list.length} values for ${tokens.length} tokens`,
    );
  }
  return {
    model,
    pre: text('tokenizer.ggml.pre'),
    tokens,
    tokenTypes,
    scores,
    merges: texts('tokenizer.ggml.merges'),
    bosTokenId: id('tokenizer.ggml.bos_token_id'),
    eosTokenId: id('tokenizer.ggml.eos_token_id'),
    unknownTokenId: id('tokenizer.ggml.unknown_token_id'),
    paddingTokenId: id('tokenizer.ggml.padding_token_id'),
    addBosToken: flag('tokenizer.ggml.add_bos_token'),
    addEosToken: flag('tokenizer.ggml.add_eos_token'),
    addSpacePrefix: flag('tokenizer.ggml.add_space_prefix'),
    chatTemplate: text('tokenizer.chat_template'),
  };
}

function isTexts(value: GgufValue): value is readonly string[] {
  return Array.isArray(value);
}

function isInt32Array(value: GgufValue): value is Int32Array {
  return value instanceof Int32Array;
}

function isFloat32Array(value: GgufValue): value is Float32Array {
  return value instanceof Float32Array;
}
