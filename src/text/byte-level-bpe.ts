import { QuernError } from '../errors.js';
import { quote } from '../files/quote.js';
import type { Json, JsonObject } from '../json.js';

export interface AddedToken {
  readonly id: number;
  readonly content: string;
  /** Left out when text without special tokens is asked for. */
  readonly special: boolean;
}

export interface ByteLevelBpe {
  /** Where it comes from, for messages. */
  readonly path: string;
  readonly vocabulary: ReadonlyMap<string, number>;
  /** Pairs of tokens, those that are merged first before the others. */
  readonly merges: readonly (readonly [left: string, right: string])[];
  readonly addedTokens: readonly AddedToken[];
  readonly normalizer: JsonObject | null;
  readonly preTokenizer: JsonObject;
  readonly postProcessor: JsonObject | null;
  readonly ignoreMerges: boolean;
}

/** The tokenizer.json of a tokenizer that merges pairs of bytes, as GPT-2 and most after it do. */
export function byteLevelBpeJson(bpe: ByteLevelBpe): JsonObject {
  for (const [left, right] of bpe.merges) {
    if (bpe.vocabulary.has(left + right) && bpe.vocabulary.has(left) && bpe.vocabulary.has(right)) continue;
    throw new QuernError('input', `${bpe.path} merges ${quote(left)} and ${quote(right)}, which are not all tokens`, {
      suggestion: 'are vocabulary and merges of the same tokenizer?',
    });
  }
  return {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: addedTokensJson(bpe.addedTokens),
    normalizer: bpe.normalizer,
    pre_tokenizer: bpe.preTokenizer,
    post_processor: bpe.postProcessor,
    decoder: { type: 'ByteLevel', add_prefix_space: true, trim_offsets: true, use_regex: true },
    model: {
      type: 'BPE',
      dropout: null,
      unk_token: null,
      continuing_subword_prefix: null,
      end_of_word_suffix: null,
      fuse_unk: false,
      byte_fallback: false,
      ignore_merges: bpe.ignoreMerges,
      vocab: Object.fromEntries(bpe.vocabulary),
      merges: bpe.merges,
    },
  };
}

export function addedTokensJson(tokens: readonly AddedToken[]): Json {
  const settings = { single_word: false, lstrip: false, rstrip: false, normalized: false };
  return tokens.map(({ id, content, special }) => ({ id, content, ...settings, special }));
}
