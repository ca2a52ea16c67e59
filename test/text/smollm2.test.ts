import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { openGguf } from '../../src/checkpoints/gguf.js';
import { ggufTokenizer } from '../../src/checkpoints/gguf-tokenizer.js';
import { tokenizerOfGguf } from '../../src/text/gguf-tokenizer.js';
import { openJson } from './golden.js';

const directory = join(import.meta.dirname, '../../recipes/models/smollm2-135m');
const model = process.env.QUERN_SMOLLM2 ?? join(directory, 'SmolLM2-135M-Instruct.Q4_1.gguf');
const wikitext = join(import.meta.dirname, '../../../shared/data/wikitext-2-raw/wiki.test.raw');
const isThere = existsSync(model) && existsSync(wikitext);

if (!isThere) console.log('SKIP SmolLM2 on WikiText-2: run scripts/fetch-smollm2.sh; the text has to be there as well');
(isThere ? test : test.skip)(
  'WikiText-2 has the ids that the Rust library gives for SmolLM2, as many as llama.cpp counts',
  async () => {
    const inFile = ggufTokenizer(openGguf(model));
    assert.ok(inFile);
    const { tokenizer, config } = tokenizerOfGguf(inFile, model);
    const opened = await openJson(tokenizer, config);
    const ids = opened.encode(readFileSync(wikitext, 'utf8'), { special: true });
    assert.is(ids.length, 303_415);
    const digest = createHash('sha256').update(new Uint8Array(ids.buffer)).digest('hex');
    assert.is(digest, '18e663b61dd00f49796c8a6ae498b7dbe009cac4a2eaf3c67fa7d81baf47d945');
    assert.is(opened.bosTokenId, 1);
    assert.is(opened.decode(ids.subarray(238_938, 238_946)).includes('½'), true);
  },
);

test.run();
