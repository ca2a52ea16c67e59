import * as fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { greedyToken } from '../../src/runtime/decoder.js';
import { type Sampling, tokenChoice } from '../../src/runtime/sampling.js';

function drawn(logits: Float32Array, sampling: Sampling, count: number): number[] {
  const choose = tokenChoice(sampling);
  return Array.from({ length: count }, () => choose(logits));
}

/** How often each token was drawn, as shares. */
function shares(tokens: readonly number[], vocabulary: number): number[] {
  return Array.from({ length: vocabulary }, (_, id) => tokens.filter((token) => token === id).length / tokens.length);
}

const logits = Float32Array.of(1, 3, 0.5, 2, -1, 3);

test('without a temperature, or with 0, it is the most probable token', () => {
  assert.equal(drawn(logits, {}, 3), [1, 1, 1]);
  assert.equal(drawn(logits, { temperature: 0, topK: 4, seed: 5 }, 3), [1, 1, 1]);
});

test('tokens are drawn as often as their probabilities say', () => {
  const temperature = 0.7;
  const weights = Array.from(logits, (logit) => Math.exp(logit / temperature));
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  for (const [token, share] of shares(drawn(logits, { temperature, seed: 1 }, 20_000), logits.length).entries()) {
    assert.ok(Math.abs(share - weights[token]! / total) < 0.015, `token ${token}: ${share}`);
  }
});

test('a seed draws the same tokens each time, and on every machine', () => {
  const sampling = { temperature: 1.5, topK: 5, topP: 0.95, seed: 42 };
  assert.equal(drawn(logits, sampling, 12), drawn(logits, sampling, 12));
  assert.is.not(drawn(logits, sampling, 12).join(), drawn(logits, { ...sampling, seed: 43 }, 12).join());
  assert.equal(drawn(logits, sampling, 12), [5, 5, 0, 5, 1, 5, 1, 5, 0, 5, 1, 0]);
});

test('topK leaves the most probable tokens, the first of equals', () => {
  assert.equal(new Set(drawn(logits, { temperature: 5, topK: 1 }, 50)), new Set([1]));
  assert.equal(new Set(drawn(logits, { temperature: 5, topK: 3 }, 200)), new Set([1, 3, 5]));
  assert.is(new Set(drawn(logits, { temperature: 20, topK: 100 }, 500)).size, logits.length);
});

test('topP leaves the fewest tokens that have the probability together', () => {
  const even = Float32Array.of(0, 0, 0, 0);
  assert.equal(new Set(drawn(even, { temperature: 1, topP: 0.25 }, 50)), new Set([0]));
  assert.equal(new Set(drawn(even, { temperature: 1, topP: 0.26 }, 100)), new Set([0, 1]));
  assert.equal(new Set(drawn(logits, { temperature: 1e-3, topP: 0.4 }, 50)), new Set([1]));
});

test('what is drawn is among the most probable tokens that a full sort finds', () => {
  const options = { minLength: 1, maxLength: 60 };
  const values = fc.array(fc.float({ min: -20, max: 20, noNaN: true }), options);
  const topP = fc.double({ min: 0.01, max: 0.999, noNaN: true });
  fc.assert(
    fc.property(values, fc.integer({ min: 1, max: 70 }), topP, fc.nat(), (list, topK, share, seed) => {
      const row = Float32Array.from(list);
      const order = Array.from(row.keys()).sort((a, b) => row[b]! - row[a]! || a - b);
      const kept = order.slice(0, topK);
      const peak = row[greedyToken(row)]!;
      const weights = kept.map((token) => Math.exp(row[token]! - peak));
      const total = weights.reduce((sum, weight) => sum + weight, 0);
      let sum = 0;
      const nucleus = kept.filter((_, place) => {
        const isNeeded = sum < share * total * (1 + 1e-9);
        sum += weights[place]!;
        return isNeeded;
      });
      for (const token of drawn(row, { temperature: 1, topK, topP: share, seed }, 5)) {
        assert.ok(nucleus.includes(token));
      }
    }),
  );
});

test.run();
