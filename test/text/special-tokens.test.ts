import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { Json, JsonObject } from '../../src/json.js';
import { postProcessorOf, surround } from '../../src/text/special-tokens.js';

const idOf = (token: string): number | undefined => ({ '<s>': 1, '</s>': 2 })[token];
const tokens = { bos_token: '<s>', eos_token: { content: '</s>', special: true } };
const around = (before: readonly string[], after: readonly string[]): JsonObject =>
  surround({ before, after }, (token) => idOf(token) ?? 0);

function result(postProcessor: Json, config: JsonObject): Json {
  return postProcessorOf({ post_processor: postProcessor }, { ...tokens, ...config }, idOf);
}

test('what the configuration does not say stays as it is', () => {
  const template = around(['<s>'], []);
  assert.is(result(template, {}), template);
  assert.is(result(template, { add_bos_token: true }), template);
  assert.is(result(null, {}), null);
});

test('the configuration adds and takes away BOS and EOS', () => {
  assert.equal(result(around(['<s>'], []), { add_bos_token: false }), around([], []));
  assert.equal(result(null, { add_bos_token: true }), around(['<s>'], []));
  assert.equal(result({ type: 'ByteLevel' }, { add_bos_token: true, add_eos_token: true }), around(['<s>'], ['</s>']));
  const sequence = { type: 'Sequence', processors: [{ type: 'ByteLevel' }, around(['<s>'], [])] };
  assert.is(result(sequence, { add_bos_token: true }), sequence);
  assert.equal(result(sequence, { add_bos_token: false }), around([], []));
});

test('other post-processors and unknown tokens are left alone', () => {
  const roberta = { type: 'RobertaProcessing', sep: ['</s>', 2], cls: ['<s>', 1] };
  assert.is(result(roberta, { add_bos_token: false }), roberta);
  assert.is(result(null, { add_bos_token: true, bos_token: '<none>' }), null);
  assert.is(result(null, { add_bos_token: true, bos_token: null }), null);
});

test.run();
