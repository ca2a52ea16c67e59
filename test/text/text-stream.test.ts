import { join } from 'node:path';
import * as fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { TextStream } from '../../src/text/text-stream.js';
import { openTokenizer } from '../../src/text/tokenizer.js';

const tokenizer = openTokenizer({
  tokenizerJson: join(import.meta.dirname, '../../recipes/models/opt-wren-4m/tokenizer.json'),
});

function parts(ids: Iterable<number>): string[] {
  const stream = new TextStream(tokenizer);
  return [...Array.from(ids, (id) => stream.push(id)), stream.end()];
}

test('a character comes whole, with the last of its tokens', () => {
  const ids = tokenizer.encode('a 🦉é', { special: false });
  const texts = parts(ids);
  assert.is(texts.join(''), 'a 🦉é');
  assert.ok(texts.includes(''), 'the owl has several tokens');
  assert.not.ok(texts.some((text) => text.includes('\uFFFD')));
});

test('an unfinished character is shown as one at the end', () => {
  const ids = [...tokenizer.encode('owl 🦉', { special: false })].slice(0, -1);
  assert.is(parts(ids).join(''), tokenizer.decode(ids));
  assert.match(parts(ids).at(-1) ?? '', /\uFFFD/);
});

test('special tokens give no text', () => {
  assert.is(parts([2, ...tokenizer.encode('The end', { special: false }), 2]).join(''), 'The end');
});

test('the parts of any tokens are together their text', () => {
  const id = fc.integer({ min: 0, max: tokenizer.vocabularySize - 1 });
  fc.assert(
    fc.property(fc.array(id, { maxLength: 40 }), (ids) => {
      assert.is(parts(ids).join(''), tokenizer.decode(ids, { special: false }));
    }),
  );
});

test.run();
