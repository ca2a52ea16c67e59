import { readJsonObject } from '../files/json-file.js';
import type { JsonObject } from '../json.js';
import { tokenizerOfSentencePiece } from './sentencepiece-tokenizer.js';
import { tokenizerOfVocabularyFiles } from './vocabulary-files.js';

interface NamedFile {
  readonly name: string;
  readonly path: string;
}

/** Files that a tokenizer.json can be made of. */
export const tokenizerSourceFiles = ['vocab.json', 'merges.txt', 'tokenizer.model'] as const;

/**
 * The tokenizer.json of a model that comes without one, made of `vocab.json` and `merges.txt` or of `tokenizer.model`.
 * `undefined` when there is one already, or nothing to make it of. Files that can't be converted are a QuernError.
 */
export function convertedTokenizer(files: readonly NamedFile[]): JsonObject | undefined {
  const pathOf = (name: string): string | undefined => files.find((file) => file.name === name)?.path;
  if (pathOf('tokenizer.json') !== undefined) return undefined;
  const configs = ['special_tokens_map.json', 'tokenizer_config.json'].map(pathOf);
  const config = Object.assign({}, ...configs.map((path) => (path === undefined ? {} : readJsonObject(path))));
  const vocabJson = pathOf('vocab.json');
  const mergesText = pathOf('merges.txt');
  if (vocabJson !== undefined && mergesText !== undefined) {
    return tokenizerOfVocabularyFiles(vocabJson, mergesText, config);
  }
  const model = pathOf('tokenizer.model');
  return model === undefined ? undefined : tokenizerOfSentencePiece(model, config);
}
