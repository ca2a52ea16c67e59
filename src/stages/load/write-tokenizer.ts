import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { GgufTokenizer } from '../../checkpoints/gguf-tokenizer.js';
import { QuernError } from '../../errors.js';
import type { JsonObject } from '../../json.js';
import { convertedTokenizer } from '../../text/converted-tokenizer.js';
import type { ConvertedTokenizer } from '../../text/gguf-tokenizer.js';
import { tokenizerOfGguf } from '../../text/gguf-tokenizer.js';
import type { SourceFile, WorkContext } from '../kind.js';

type Context = Pick<WorkContext, 'log' | 'outputDirectory'>;

/**
 * Writes the tokenizer.json of a model that comes without one, made of its other files or of what its GGUF file says. A
 * GGUF file with a tokenizer that can't be converted gives a model without one, and the log says so: its weights are good.
 */
export function writeTokenizer(
  context: Context,
  files: readonly SourceFile[],
  inFile: GgufTokenizer | undefined,
): void {
  if (files.some(({ name }) => name === 'tokenizer.json')) return;
  const write = (name: string, json: JsonObject): void =>
    writeFileSync(join(context.outputDirectory, name), `${JSON.stringify(json)}\n`);
  if (inFile === undefined) {
    const tokenizer = convertedTokenizer(files);
    if (tokenizer !== undefined) write('tokenizer.json', tokenizer);
    return;
  }
  const converted = convertOrLog(context, inFile, files[0]?.path ?? 'the GGUF file');
  if (converted === undefined) return;
  write('tokenizer.json', converted.tokenizer);
  write('tokenizer_config.json', converted.config);
}

function convertOrLog(context: Context, inFile: GgufTokenizer, path: string): ConvertedTokenizer | undefined {
  try {
    return tokenizerOfGguf(inFile, path);
  } catch (error) {
    if (!(error instanceof QuernError)) throw error;
    context.log(`the tokenizer was left out: ${error.message}`);
    return undefined;
  }
}
