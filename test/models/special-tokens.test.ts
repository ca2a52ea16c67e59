import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { ConfigReader } from '../../src/checkpoints/config-reader.js';
import type { JsonObject } from '../../src/json.js';
import { readSpecialTokens } from '../../src/models/special-tokens.js';
import { inputError } from '../checkpoints/support.js';
import { withTemporaryDirectory } from '../support/temporary.js';

function read(config: JsonObject, generationConfig?: JsonObject): Promise<ReturnType<typeof readSpecialTokens>> {
  return withTemporaryDirectory(async (directory) => {
    const path = join(directory, 'generation_config.json');
    writeFileSync(path, JSON.stringify(generationConfig ?? {}));
    return readSpecialTokens(new ConfigReader(config, 'config.json'), generationConfig && path, 64);
  });
}

test('config.json says which tokens begin and end a text', async () => {
  assert.equal(await read({ bos_token_id: 1, eos_token_id: 2 }), { bosTokenId: 1, eosTokenIds: [2] });
  assert.equal(await read({ bos_token_id: null, eos_token_id: [2, 3] }), { eosTokenIds: [2, 3] });
  assert.equal(await read({}), {});
});

test('generation_config.json says it better, for the tokens it names', async () => {
  const config = { bos_token_id: 1, eos_token_id: 2 };
  assert.equal(await read(config, { eos_token_id: [5, 6] }), { bosTokenId: 1, eosTokenIds: [5, 6] });
  assert.equal(await read(config, { bos_token_id: 0 }), { bosTokenId: 0, eosTokenIds: [2] });
});

test('ids that are no tokens of the model are none', async () => {
  assert.equal(await read({ bos_token_id: -1, eos_token_id: [64, 63] }), { eosTokenIds: [63] });
});

test('what is no id is refused', () =>
  withTemporaryDirectory(async () => {
    const config = new ConfigReader({ eos_token_id: 'x' }, 'config.json');
    const { message } = inputError(() => readSpecialTokens(config, undefined, 64));
    assert.match(message, /eos_token_id must be an integer of at least -1, or a list of such, got "x"/);
  }));

test.run();
