import { join } from 'node:path';
import { openTokenizer, type Tokenizer, type TokenizerFiles } from '../../src/text/tokenizer.js';

const model = join(import.meta.dirname, '../../recipes/models/opt-wren-4m');

export const embeddedTokenizerFiles: Required<TokenizerFiles> = {
  tokenizerJson: join(model, 'tokenizer.json'),
  tokenizerConfig: join(model, 'tokenizer_config.json'),
};

export function embeddedTokenizer(): Tokenizer {
  return openTokenizer(embeddedTokenizerFiles);
}
