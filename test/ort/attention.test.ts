import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { Engine, NamedTensors } from '../../src/ort/engine.js';
import { openEngine } from '../../src/ort/open-engine.js';
import { zeros } from '../../src/ort/tensor-data.js';
import { encodeModel } from './encode-model.js';
import { cachedAttention, floats, int32s, noise, value } from './models.js';

const capacity = 12;
const cacheDims = [1, 2, capacity, 8];
/** Tokens of each call: a prompt, a decode step, a chunk, a decode step. */
const calls = [3, 1, 4, 1];

/** Runs the calls over one cache; `inPlace` says whether past and present are the same buffers. Returns what each call gave. */
function generate(engine: Engine, inPlace: boolean): { outputs: number[][]; key: Float32Array } {
  const session = engine.openSession({ bytes: cachedAttention });
  let pastKey = zeros('float32', cacheDims);
  let pastValue = zeros('float32', cacheDims);
  let length = 0;
  const outputs = calls.map((tokens, index) => {
    const presentKey = inPlace ? pastKey : zeros('float32', cacheDims);
    const presentValue = inPlace ? pastValue : zeros('float32', cacheDims);
    length += tokens;
    const inputs: NamedTensors = {
      query: floats([1, tokens, 32], noise(tokens * 32, 3 * index + 1)),
      key: floats([1, tokens, 16], noise(tokens * 16, 3 * index + 2)),
      value: floats([1, tokens, 16], noise(tokens * 16, 3 * index + 3)),
      pastKey,
      pastValue,
      lastPosition: int32s([1], [length - 1]),
      totalLength: int32s([1], [length]),
    };
    const output = zeros('float32', [1, tokens, 32]);
    const bound = session.bind(inputs, { output, presentKey, presentValue });
    bound.run();
    bound.release();
    pastKey = presentKey;
    pastValue = presentValue;
    return [...output.data];
  });
  session.release();
  return { outputs, key: pastKey.data };
}

const cApi = await openEngine({ threads: 2, implementation: 'c-api' });
const binding = await openEngine({ threads: 2, implementation: 'binding' });

test('a key and value cache can be extended in place, with the same bits in both engines', () => {
  const reference = generate(cApi, false);
  for (const engine of [cApi, binding]) {
    const inPlace = generate(engine, true);
    assert.equal(inPlace.outputs, reference.outputs);
    const length = calls.reduce((sum, tokens) => sum + tokens, 0);
    for (const head of [0, 1]) {
      const start = head * capacity * 8;
      const valid = (cache: Float32Array): Float32Array => cache.subarray(start, start + length * 8);
      assert.equal(valid(inPlace.key), valid(reference.key));
    }
    assert.equal([...inPlace.key.subarray(0, 8)], [...floats([8], noise(8, 2)).data]);
  }
});

test('the past has an effect on what comes after it', () => {
  const { outputs } = generate(cApi, true);
  const session = cApi.openSession({ bytes: cachedAttention });
  const alone = session.run({
    query: floats([1, 1, 32], noise(32, 4)),
    key: floats([1, 1, 16], noise(16, 5)),
    value: floats([1, 1, 16], noise(16, 6)),
    pastKey: zeros('float32', cacheDims),
    pastValue: zeros('float32', cacheDims),
    lastPosition: int32s([1], [0]),
    totalLength: int32s([1], [1]),
  });
  assert.not.equal([...(alone.output?.data ?? [])], outputs[1]);
});

test('the causal mask of Attention starts after the past it is given', () => {
  const [heads, size, past, tokens] = [2, 4, 5, 3];
  const cached = value('float32', 1, heads, 'past', size);
  const fresh = value('float32', 1, heads, 'tokens', size);
  const total = value('float32', 1, heads, 'total', size);
  const model = encodeModel({
    inputs: { query: fresh, key: fresh, value: fresh, pastKey: cached, pastValue: cached },
    outputs: { output: fresh, presentKey: total, presentValue: total },
    nodes: [
      {
        op: 'Attention',
        inputs: ['query', 'key', 'value', '', 'pastKey', 'pastValue'],
        outputs: ['output', 'presentKey', 'presentValue'],
        attributes: { is_causal: 1n },
      },
    ],
  });
  const session = cApi.openSession({ bytes: model });
  const [keys, values] = [noise(heads * 8 * size, 1), noise(heads * 8 * size, 2)];
  const query = noise(heads * tokens * size, 3);
  const rows = (all: number[], from: number, to: number) =>
    floats(
      [1, heads, to - from, size],
      [0, 1].flatMap((head) => all.slice((head * 8 + from) * size, (head * 8 + to) * size)),
    );
  const { output } = session.run({
    query: floats([1, heads, tokens, size], query),
    key: rows(keys, past, past + tokens),
    value: rows(values, past, past + tokens),
    pastKey: rows(keys, 0, past),
    pastValue: rows(values, 0, past),
  });
  for (let head = 0; head < heads; head++) {
    for (let token = 0; token < tokens; token++) {
      const at = (all: number[], position: number, axis: number): number =>
        all[(head * 8 + position) * size + axis] ?? 0;
      const asked = query.slice((head * tokens + token) * size, (head * tokens + token + 1) * size);
      const weights = Array.from({ length: past + token + 1 }, (_, position) =>
        Math.exp(asked.reduce((sum, element, axis) => sum + element * at(keys, position, axis), 0) / Math.sqrt(size)),
      );
      const whole = weights.reduce((sum, weight) => sum + weight, 0);
      for (let axis = 0; axis < size; axis++) {
        const expected = weights.reduce(
          (sum, weight, position) => sum + (weight / whole) * at(values, position, axis),
          0,
        );
        const actual = Number(output?.data[(head * tokens + token) * size + axis]);
        assert.ok(Math.abs(actual - expected) < 1e-6, `head ${head}, token ${token}: ${actual}, not ${expected}`);
      }
    }
  }
  session.release();
});

test.after(() => {
  binding.close();
  cApi.close();
});

test.run();
