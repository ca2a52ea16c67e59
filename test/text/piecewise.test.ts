import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { readJsonObject } from '../../src/files/json-file.js';
import type { JsonObject } from '../../src/json.js';
import { pieceRule, piecesOf } from '../../src/text/piecewise.js';
import { embeddedTokenizer, embeddedTokenizerFiles } from './support.js';

const embedded = readJsonObject(embeddedTokenizerFiles.tokenizerJson);
const words = fc
  .array(fc.constantFrom('ship', 'the', '1912', ' ', '  ', '\n', '. ', '½', 'é ', '</s>', '</s> a', 'x'), {
    minLength: 200,
    maxLength: 400,
  })
  .map((parts) => parts.join(' '));

test('pieces are the text, in order, and cut where a space begins a word', () => {
  fc.assert(
    fc.property(words, (text) => {
      const pieces = [...piecesOf(text, 50, 'keep-space')];
      assert.is(pieces.join(''), text);
      assert.ok(pieces.slice(1).every((piece) => /^ [A-Za-z0-9]/.test(piece)));
      assert.is([...piecesOf(text, 50, 'drop-space')].join(' '), text);
    }),
  );
});

test('the ids of pieces are those of the whole', () => {
  const tokenizer = embeddedTokenizer();
  fc.assert(
    fc.property(words, (text) => {
      const pieces = [...piecesOf(text, 50, 'keep-space')];
      const ids = pieces.flatMap((piece) => [...tokenizer.encode(piece, { special: false })]);
      assert.equal(ids, [...tokenizer.encode(text, { special: false })]);
    }),
    { numRuns: 50 },
  );
});

test('a tokenizer of which it is not known gets no rule', () => {
  const change = (part: JsonObject) => pieceRule({ ...embedded, ...part });
  assert.is(change({}), 'keep-space');
  const split = (pattern: string) => ({ type: 'Split', pattern: { Regex: pattern }, behavior: 'Isolated' });
  const bytes = { type: 'ByteLevel', use_regex: false };
  assert.is(change({ pre_tokenizer: { type: 'Sequence', pretokenizers: [split('.{1,10}'), bytes] } }), undefined);
  assert.is(change({ pre_tokenizer: { type: 'Whitespace' } }), undefined);
  assert.is(change({ pre_tokenizer: { type: 'ByteLevel', add_prefix_space: true } }), undefined);
  assert.is(change({ normalizer: { type: 'Lowercase' } }), undefined);
  const token = { id: 3, content: 'two words', lstrip: false, rstrip: false };
  assert.is(change({ added_tokens: [token] }), undefined);
  assert.is(change({ added_tokens: [{ ...token, content: 'word', rstrip: true }] }), undefined);
  assert.is(change({ model: { type: 'Unigram', vocab: [] } }), undefined);
});

test('SentencePiece gets a rule as long as no token reaches over a space', () => {
  const replace = { type: 'Replace', pattern: { String: ' ' }, content: '▁' };
  const json = (vocab: JsonObject, normalizers: readonly JsonObject[]): JsonObject => ({
    ...{ model: { type: 'BPE', vocab }, pre_tokenizer: null, added_tokens: [] },
    normalizer: { type: 'Sequence', normalizers },
  });
  const prepend = { type: 'Prepend', prepend: '▁' };
  assert.is(pieceRule(json({ '▁a': 0, '▁▁': 1 }, [prepend, replace])), 'drop-space');
  assert.is(pieceRule(json({ '▁a': 0, '▁▁': 1 }, [replace])), 'keep-space');
  assert.is(pieceRule(json({ 'a▁b': 0 }, [prepend, replace])), undefined);
});

test.run();
