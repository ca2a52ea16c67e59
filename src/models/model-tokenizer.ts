import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { QuernError } from '../errors.js';
import type { Tokenizer } from '../text/tokenizer.js';
import { openTokenizer } from '../text/tokenizer.js';
import type { ModelDirectory } from './model-directory.js';

/** Opens the tokenizer of a model, and checks that the model has a row for each of its tokens. */
export function openModelTokenizer({ directory, info }: ModelDirectory): Tokenizer {
  const names = new Set(readdirSync(directory));
  if (!names.has('tokenizer.json')) {
    throw new QuernError('input', "the model has no tokenizer.json, so text can't be turned into tokens", {
      suggestion: 'put tokenizer.json beside the weights of the checkpoint',
    });
  }
  const tokenizer = openTokenizer({
    tokenizerJson: join(directory, 'tokenizer.json'),
    ...(names.has('tokenizer_config.json') ? { tokenizerConfig: join(directory, 'tokenizer_config.json') } : {}),
  });
  tokenizer.checkVocabulary(info.vocabularySize);
  return tokenizer;
}
