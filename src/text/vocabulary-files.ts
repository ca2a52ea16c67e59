import { QuernError } from '../errors.js';
import { readUtf8File } from '../files/input-file.js';
import { readJsonObject } from '../files/json-file.js';
import { quote } from '../files/quote.js';
import type { JsonObject } from '../json.js';
import type { AddedToken } from './byte-level-bpe.js';
import { byteLevelBpeJson } from './byte-level-bpe.js';
import { gpt2PreTokenizer } from './pre-tokenizers.js';
import { specialToken, surround } from './special-tokens.js';

const maximumMergesBytes = 100_000_000;

/**
 * The tokenizer.json of a tokenizer that is given as `vocab.json` and `merges.txt` (GPT-2, OPT). `config` is
 * tokenizer_config.json or special_tokens_map.json: it says what the special tokens are, and whether a text begins with
 * BOS.
 */
export function tokenizerOfVocabularyFiles(vocabJson: string, mergesText: string, config: JsonObject): JsonObject {
  const vocabulary = readVocabulary(vocabJson);
  const bos = specialToken(config.bos_token);
  const bosId = bos === undefined ? undefined : vocabulary.get(bos);
  const addBos = config.add_bos_token === true && bos !== undefined && bosId !== undefined;
  return byteLevelBpeJson({
    path: mergesText,
    vocabulary,
    merges: readMerges(mergesText),
    addedTokens: specialTokensOf(vocabulary, config),
    normalizer: null,
    preTokenizer: { ...gpt2PreTokenizer, add_prefix_space: config.add_prefix_space === true },
    postProcessor: addBos ? surround({ before: [bos], after: [] }, () => bosId) : null,
    ignoreMerges: false,
  });
}

function readVocabulary(path: string): ReadonlyMap<string, number> {
  const entries = Object.entries(readJsonObject(path)).map(([token, id]): readonly [string, number] => {
    if (typeof id === 'number' && Number.isInteger(id) && id >= 0 && id < 2 ** 31) return [token, id];
    throw new QuernError('input', `${path} gives token ${quote(token)} the id ${quote(id)}`);
  });
  return new Map(entries);
}

function readMerges(path: string): (readonly [string, string])[] {
  const lines = readUtf8File(path, maximumMergesBytes).split('\n');
  return lines.flatMap((line, index): (readonly [string, string])[] => {
    const text = line.endsWith('\r') ? line.slice(0, -1) : line;
    if (text === '' || (index === 0 && text.startsWith('#version'))) return [];
    const [left, right, ...more] = text.split(' ');
    if (left !== undefined && left !== '' && right !== undefined && right !== '' && more.length === 0)
      return [[left, right]];
    throw new QuernError('input', `${path}:${index + 1}: ${quote(text)} is not two tokens with a space between them`);
  });
}

function specialTokensOf(vocabulary: ReadonlyMap<string, number>, config: JsonObject): AddedToken[] {
  const fields = ['bos_token', 'eos_token', 'unk_token', 'pad_token', 'sep_token', 'cls_token', 'mask_token'];
  const additional = Array.isArray(config.additional_special_tokens) ? config.additional_special_tokens : [];
  const contents = [...fields.map((field) => config[field]), ...additional].map(specialToken);
  const ids = new Map(
    contents.flatMap((content) => {
      const id = content === undefined ? undefined : vocabulary.get(content);
      return content === undefined || id === undefined ? [] : [[content, id] as const];
    }),
  );
  return [...ids].map(([content, id]) => ({ id, content, special: true })).sort((one, other) => one.id - other.id);
}
