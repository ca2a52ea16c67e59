import type { JsonObject } from '../json.js';

/** How text is cut into words before byte pairs are merged, in the form of tokenizer.json. */
export interface PreTokenizer {
  readonly json: JsonObject;
  readonly normalizer: JsonObject | null;
  /** Whether a word that is a token is taken as it is, whatever the merges would make of it. */
  readonly ignoreMerges: boolean;
  /** Whether a text begins with BOS when the file does not say. */
  readonly addBos: boolean;
}

/** The expression of GPT-2, which the `ByteLevel` pre-tokenizer uses by itself. */
export const gpt2Pattern = "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+";

const llama3Pattern =
  "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";

const qwen2Pattern =
  "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";

const tekkenPattern =
  '[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]*[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]+|[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]+[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]*|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+';

/** Expressions none of whose matches goes over a space that stands between two letters or digits, but may begin with it. */
export const wordPatterns: ReadonlySet<string> = new Set([
  ...[gpt2Pattern, llama3Pattern, qwen2Pattern, tekkenPattern],
  ...['\\p{N}', '\\p{N}+', '\\d', '[0-9]'],
]);

/** A `Split` that makes each match of an expression, and what is between matches, a word. */
export function splitAt(pattern: string): JsonObject {
  return { type: 'Split', pattern: { Regex: pattern }, behavior: 'Isolated', invert: false };
}

/** Turns the words into the printable alphabet of bytes that GPT-2 introduced. */
export const bytesAsCharacters: JsonObject = {
  type: 'ByteLevel',
  add_prefix_space: false,
  trim_offsets: true,
  use_regex: false,
};

export const gpt2PreTokenizer: JsonObject = { ...bytesAsCharacters, use_regex: true };

function split(pattern: string): JsonObject {
  return { type: 'Sequence', pretokenizers: [splitAt(pattern), bytesAsCharacters] };
}

const gpt2 = { json: gpt2PreTokenizer, normalizer: null, ignoreMerges: false, addBos: false };
const llama3 = { json: split(llama3Pattern), normalizer: null, ignoreMerges: true, addBos: true };
const qwen2 = { json: split(qwen2Pattern), normalizer: { type: 'NFC' }, ignoreMerges: false, addBos: false };
const tekken = { json: split(tekkenPattern), normalizer: null, ignoreMerges: true, addBos: true };
const starcoder = {
  ...gpt2,
  json: { type: 'Sequence', pretokenizers: [{ type: 'Digits', individual_digits: true }, gpt2PreTokenizer] },
};

/** By the names that GGUF files give in `tokenizer.ggml.pre`. The expressions are those of the models' own tokenizer.json. */
export const preTokenizersByName: ReadonlyMap<string, PreTokenizer> = new Map<string, PreTokenizer>([
  ['gpt-2', gpt2],
  ['phi-2', gpt2],
  ['llama3', llama3],
  ['llama-v3', llama3],
  ['llama-bpe', llama3],
  ['qwen2', qwen2],
  ['deepseek-r1-qwen', qwen2],
  ['tekken', tekken],
  ['smollm', starcoder],
  ['starcoder', starcoder],
  ['refact', starcoder],
]);
