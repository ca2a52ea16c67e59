import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { BuiltModel } from '../../src/models/architecture.js';
import { fullMask, promptInputs, tokenTensor } from '../../src/models/decoder-inputs.js';
import { openModelSession } from '../../src/models/graph-session.js';
import { logitError } from '../../src/models/logit-error.js';
import { lowerAttention } from '../../src/models/lower-attention.js';
import { openModelDirectory, writeModelDirectory } from '../../src/models/model-directory.js';
import { encodeModel } from '../../src/onnx/encode-model.js';
import type { NamedTensors } from '../../src/ort/engine.js';
import { openEngine } from '../../src/ort/open-engine.js';
import { greedyToken } from '../../src/runtime/decoder.js';
import { deviceNamed } from '../../src/runtime/devices/registry.js';
import { openEagerModel } from '../../src/runtime/eager-model.js';
import { buildGolden, type Golden, goldenNames, readGolden } from './golden-models.js';

const limit = 1e-4;
const parent = mkdtempSync(join(tmpdir(), 'quern-test-'));
const engine = await openEngine({ threads: 1 });
test.after(() => {
  engine.close();
  rmSync(parent, { recursive: true, force: true });
});

/** The prompt in two parts, then token by token. */
function passesOf({ tokens, promptTokens }: Golden): number[][] {
  const first = Math.floor(promptTokens / 3);
  const further = tokens.slice(promptTokens).map((token) => [token]);
  return [tokens.slice(0, first), tokens.slice(first, promptTokens), ...further];
}

function joined(parts: readonly Float32Array[]): Float32Array {
  return Float32Array.from(parts.flatMap((part) => [...part]));
}

/** Logits of all tokens, from one session whose caches go out and come in again. */
function wholeGraphLogits({ model, info }: BuiltModel, golden: Golden): Float32Array {
  const session = openModelSession(engine, model, parent);
  const parts: Float32Array[] = [];
  let caches: NamedTensors = {};
  let length = 0;
  for (const ids of passesOf(golden)) {
    length += ids.length;
    const inputs = {
      ...promptInputs(info, ids),
      ...caches,
      input_ids: tokenTensor(ids),
      attention_mask: fullMask(length),
    };
    const outputs = session.run(inputs);
    assert.instance(outputs.logits?.data, Float32Array);
    parts.push(outputs.logits?.data as Float32Array);
    caches = Object.fromEntries(
      Object.entries(outputs)
        .filter(([name]) => name.startsWith('present'))
        .map(([name, tensor]) => [name.replace('present', 'past_key_values'), tensor]),
    );
  }
  session.release();
  return joined(parts);
}

for (const name of goldenNames) {
  const golden = readGolden(name);
  const directory = join(parent, name);

  test(`${name}: logits of the standard's operators are those of transformers`, () => {
    const built = buildGolden(directory, golden.configs.given);
    assert.ok(built.model.graph.nodes.some(({ opType }) => opType === 'Attention'));
    const error = logitError(golden.logits, wholeGraphLogits(built, golden));
    assert.ok(error < limit, `${error}`);
  });

  test(`${name}: logits with GroupQueryAttention are those of transformers`, () => {
    const built = buildGolden(directory, golden.configs.given);
    lowerAttention(built.model);
    assert.not(built.model.graph.nodes.some(({ opType }) => opType === 'Attention'));
    const error = logitError(golden.logits, wholeGraphLogits(built, golden));
    assert.ok(error < limit, `${error}`);
  });

  test(`${name}: the config.json that transformers saves gives the same graph`, () => {
    const [given, saved] = [golden.configs.given, golden.configs.saved].map((config) => buildGolden(directory, config));
    assert.equal(saved?.info, given?.info);
    assert.ok(Buffer.from(encodeModel(saved!.model)).equals(encodeModel(given!.model)));
  });

  test(`${name}: the eager runtime gives the same logits and tokens`, () => {
    const { model, info } = buildGolden(directory, golden.configs.given);
    const written = join(directory, 'model');
    writeModelDirectory(model, written, { layout: 'merged', info, companions: [] });
    const opened = openModelDirectory(written);
    assert.equal(opened.info, info);
    const eager = openEagerModel({
      engine,
      opened,
      devices: [deviceNamed('cpu')],
      granularity: 'op',
      capacity: golden.tokens.length,
    });
    const actual = joined(passesOf(golden).map((ids) => eager.forwardAll(ids).slice()));
    eager.close();
    assert.ok(logitError(golden.logits, actual) < limit);
    for (let row = 0; row < golden.logits.length; row += info.vocabularySize) {
      const [expected, found] = [golden.logits, actual].map((all) =>
        greedyToken(all.subarray(row, row + info.vocabularySize)),
      );
      assert.is(found, expected);
    }
  });
}

test.run();
