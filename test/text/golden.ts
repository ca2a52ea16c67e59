import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import type { JsonObject } from '../../src/json.js';
import { openTokenizer, type Tokenizer } from '../../src/text/tokenizer.js';
import { withTemporaryDirectory } from '../support/temporary.js';
import { mixedText } from './mixed-text.js';

interface Golden {
  readonly text: { readonly bytes: number; readonly sha256: string };
  readonly ids: { readonly [name: string]: { readonly count: number; readonly sha256: string } };
}

export const goldenDirectory = join(import.meta.dirname, 'golden');
const golden: Golden = JSON.parse(readFileSync(join(goldenDirectory, 'golden.json'), 'utf8'));
const text = mixedText(1 << 20);

function sha256(data: string | Uint8Array): string {
  return createHash('sha256').update(data).digest('hex');
}

export function checkText(): void {
  assert.equal({ bytes: Buffer.byteLength(text), sha256: sha256(text) }, golden.text);
}

/** Checks that a tokenizer gives the ids that Python's tokenizers gives for one megabyte of mixed text. */
export function checkIds(name: string, tokenizer: Tokenizer): void {
  const ids = tokenizer.encode(text, { special: true });
  const bytes = new Uint8Array(ids.buffer, ids.byteOffset, ids.byteLength);
  assert.equal({ count: ids.length, sha256: sha256(bytes) }, golden.ids[name]);
}

/** Opens a tokenizer from what would stand in its files. */
export function openJson(tokenizer: JsonObject, config: JsonObject = {}): Promise<Tokenizer> {
  return withTemporaryDirectory(async (directory) => {
    const files = {
      tokenizerJson: join(directory, 'tokenizer.json'),
      tokenizerConfig: join(directory, 'tokenizer_config.json'),
    };
    writeFileSync(files.tokenizerJson, JSON.stringify(tokenizer));
    writeFileSync(files.tokenizerConfig, JSON.stringify(config));
    return openTokenizer(files);
  });
}
