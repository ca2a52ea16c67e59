import { isJsonObject, type Json, type JsonObject } from '../json.js';
import { bytesAsCharacters, gpt2Pattern, splitAt } from './pre-tokenizers.js';

/**
 * Rewrites pre-tokenizers with which the tokenizer library gives other words than the Rust library does, into ones with
 * which it gives the same:
 * - `Digits` takes only decimal digits as digits: `½` and `²` are numbers as well.
 * - `ByteLevel` takes the spaces of JavaScript: U+FEFF is one of them, U+0085 is none.
 * - `Metaspace` does not split before each space.
 */
export function mendPreTokenizer(preTokenizer: Json | undefined): Json {
  if (!isJsonObject(preTokenizer)) return preTokenizer ?? null;
  switch (preTokenizer.type) {
    case 'Sequence':
      return { ...preTokenizer, pretokenizers: steps(preTokenizer).map(mendPreTokenizer) };
    case 'Digits':
      return splitAt(preTokenizer.individual_digits === true ? '\\p{N}' : '\\p{N}+');
    case 'ByteLevel':
      if (preTokenizer.use_regex === false || preTokenizer.add_prefix_space === true) return preTokenizer;
      return { type: 'Sequence', pretokenizers: [splitAt(gpt2Pattern), bytesAsCharacters] };
    case 'Metaspace': {
      if (preTokenizer.split === false) return preTokenizer;
      const mark = typeof preTokenizer.replacement === 'string' ? preTokenizer.replacement : '\u2581';
      return { type: 'Sequence', pretokenizers: [preTokenizer, splitAt(`${mark}[^${mark}]*|[^${mark}]+`)] };
    }
    default:
      return preTokenizer;
  }
}

/** Rewrites normalizers for the same reason: `Strip` takes the spaces of JavaScript. */
export function mendNormalizer(normalizer: Json | undefined): Json {
  if (!isJsonObject(normalizer)) return normalizer ?? null;
  if (normalizer.type === 'Sequence' && Array.isArray(normalizer.normalizers)) {
    return { ...normalizer, normalizers: normalizer.normalizers.map((step: Json) => mendNormalizer(step)) };
  }
  if (normalizer.type !== 'Strip') return normalizer;
  const left = normalizer.strip_left === true ? [removal('\\A\\s+')] : [];
  const right = normalizer.strip_right === true ? [removal('(?<!\\s)\\s+\\z')] : [];
  return { type: 'Sequence', normalizers: [...left, ...right] };
}

function removal(pattern: string): JsonObject {
  return { type: 'Replace', pattern: { Regex: pattern }, content: '' };
}

/** The steps of a sequence of pre-tokenizers. */
export function steps(sequence: JsonObject): readonly Json[] {
  return Array.isArray(sequence.pretokenizers) ? sequence.pretokenizers : [];
}
