import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { GgufTokenizer } from '../../checkpoints/gguf-tokenizer.js';
import type { JsonObject } from '../../json.js';
import { convertedTokenizer } from '../../text/converted-tokenizer.js';
import { tokenizerOfGguf } from '../../text/gguf-tokenizer.js';
import type { SourceFile } from '../kind.js';

/** Writes the tokenizer.json of a model that comes without one, made of its other files or of what its GGUF file says. */
export function writeTokenizer(
  files: readonly SourceFile[],
  inFile: GgufTokenizer | undefined,
  outputDirectory: string,
): void {
  if (files.some(({ name }) => name === 'tokenizer.json')) return;
  const write = (name: string, json: JsonObject): void =>
    writeFileSync(join(outputDirectory, name), `${JSON.stringify(json)}\n`);
  if (inFile === undefined) {
    const converted = convertedTokenizer(files);
    if (converted !== undefined) write('tokenizer.json', converted);
    return;
  }
  const { tokenizer, config } = tokenizerOfGguf(inFile, files[0]?.path ?? 'the GGUF file');
  write('tokenizer.json', tokenizer);
  write('tokenizer_config.json', config);
}
