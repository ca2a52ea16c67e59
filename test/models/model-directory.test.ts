import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { openModelDirectory, writeModelDirectory } from '../../src/models/model-directory.js';
import { inputError } from '../checkpoints/support.js';
import { withTemporaryDirectory } from '../support/temporary.js';
import { buildGolden, readGolden } from './golden-models.js';

/** Calls `use` with a model directory and a function that changes its quern.json. */
function withModelDirectory(
  use: (directory: string, change: (fields: { readonly [name: string]: unknown }) => void) => void,
): Promise<void> {
  return withTemporaryDirectory(async (parent) => {
    const { model, info } = buildGolden(parent, readGolden('mistral').configs.given);
    const directory = join(parent, 'model');
    writeModelDirectory(model, directory, { layout: 'merged', info, companions: [] });
    const path = join(directory, 'quern.json');
    const original = JSON.parse(readFileSync(path, 'utf8'));
    use(directory, (fields) => {
      writeFileSync(path, JSON.stringify({ ...original, model: { ...original.model, ...fields } }));
    });
  });
}

test('what is known of a model comes back', () =>
  withModelDirectory((directory, change) => {
    assert.is(openModelDirectory(directory).info.slidingWindow, 7);
    change({ bosTokenId: 0, eosTokenIds: [2, 63] });
    assert.equal(openModelDirectory(directory).info, {
      architecture: 'MistralForCausalLM',
      vocabularySize: 64,
      hiddenSize: 32,
      layers: 2,
      heads: 2,
      keyValueHeads: 1,
      headSize: 16,
      maximumPositions: 64,
      slidingWindow: 7,
      bosTokenId: 0,
      eosTokenIds: [2, 63],
    });
  }));

const refused: readonly (readonly [changed: { readonly [name: string]: unknown }, message: RegExp])[] = [
  [{ layers: 0 }, /quern\.json: layers must be an integer from 1 to 1000, got 0/],
  [{ layers: 1e9 }, /layers must be an integer from 1 to 1000/],
  [{ headSize: 1.5 }, /headSize must be an integer/],
  [{ vocabularySize: '64' }, /vocabularySize must be an integer from 1 to .*, got "64"/],
  [{ maximumPositions: 2 ** 40 }, /maximumPositions must be an integer/],
  [{ hiddenSize: undefined }, /hiddenSize is missing/],
  [{ heads: 3, keyValueHeads: 2 }, /keyValueHeads \(2\) must divide heads \(3\)/],
  [{ keyValueHeads: 4 }, /keyValueHeads must be an integer from 1 to 2/],
  [{ architecture: 7 }, /architecture must be a text/],
  [{ slidingWindow: -1 }, /slidingWindow must be a positive integer/],
  [{ eosTokenIds: [64] }, /eosTokenIds must be an integer from 0 to 63, or a list of such, got \[64\]/],
  [{ bosTokenId: 1e6 }, /bosTokenId must be an integer from 0 to 63/],
  [{ layers: 3 }, /model\.onnx has 4 caches; the 3 layers of quern\.json have 6/],
  [
    { keyValueHeads: 2 },
    /a cache past_key_values\.0\.key of shape \[batch, 1, .*, 16\]; quern\.json says key-value heads 2/,
  ],
  [{ headSize: 1024 }, /a cache past_key_values\.0\.key of shape .*; .*, head size 1024/],
];

for (const file of ['../model.onnx', '/etc/model.onnx', 'onnx/../model.onnx', 'other.onnx', 7]) {
  test(`a description with the model file ${JSON.stringify(file)} is refused`, () =>
    withModelDirectory((directory) => {
      const path = join(directory, 'quern.json');
      writeFileSync(path, JSON.stringify({ ...JSON.parse(readFileSync(path, 'utf8')), file }));
      const { message } = inputError(() => openModelDirectory(directory));
      assert.match(message, /quern\.json: file is .*, which is not the file of a model/);
    }));
}

for (const [changed, message] of refused) {
  test(`a description with ${JSON.stringify(changed)} is refused`, () =>
    withModelDirectory((directory, change) => {
      change(changed);
      assert.match(inputError(() => openModelDirectory(directory)).message, message);
    }));
}

test('a directory without a description is no model', () =>
  withModelDirectory((directory) => {
    const path = join(directory, 'quern.json');
    for (const text of ['{"format": 2, "model": {}}', '{"format": 1, "model": []}', '{}']) {
      writeFileSync(path, text);
      assert.match(inputError(() => openModelDirectory(directory)).message, /does not describe a model/);
    }
    writeFileSync(path, '{');
    assert.match(inputError(() => openModelDirectory(directory)).message, /quern\.json is not valid JSON/);
    rmSync(path);
    assert.not(existsSync(path));
    assert.match(inputError(() => openModelDirectory(directory)).message, /is missing or does not describe a model/);
  }));

test.run();
