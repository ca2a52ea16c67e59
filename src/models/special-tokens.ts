import { ConfigReader } from '../checkpoints/config-reader.js';
import { readJsonObject } from '../files/json-file.js';
import type { ModelInfo } from './architecture.js';

/**
 * The tokens that begin and end texts: those of generation_config.json if there is one that names them, else those of
 * config.json. Ids that are no tokens of the model (some say -1 for none) are left out.
 */
export function readSpecialTokens(
  config: ConfigReader,
  generationConfigPath: string | undefined,
  vocabularySize: number,
): Pick<ModelInfo, 'bosTokenId' | 'eosTokenIds'> {
  const readers = [config];
  if (generationConfigPath !== undefined) {
    readers.unshift(new ConfigReader(readJsonObject(generationConfigPath), generationConfigPath));
  }
  const [bosTokenId] = readTokens(readers, 'bos_token_id', vocabularySize);
  const eosTokenIds = readTokens(readers, 'eos_token_id', vocabularySize);
  return {
    ...(bosTokenId === undefined ? {} : { bosTokenId }),
    ...(eosTokenIds.length === 0 ? {} : { eosTokenIds }),
  };
}

function readTokens(readers: readonly ConfigReader[], name: string, vocabularySize: number): readonly number[] {
  const reader = readers.find((one) => one.has(name));
  const ids = reader?.integers(name, { min: -1 }) ?? [];
  return ids.filter((id) => id >= 0 && id < vocabularySize);
}
