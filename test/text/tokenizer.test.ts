import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { readJsonObject } from '../../src/files/json-file.js';
import { isJsonObject, type JsonObject } from '../../src/json.js';
import { openTokenizer } from '../../src/text/tokenizer.js';
import { inputError } from '../checkpoints/support.js';
import { withTemporaryDirectory } from '../support/temporary.js';
import { embeddedTokenizer, embeddedTokenizerFiles } from './support.js';

const tokenizer = embeddedTokenizer();

/** Ids that the Rust library `tokenizers` 0.23.2 gives for the embedded tokenizer. */
const golden: readonly (readonly [text: string, ids: readonly number[]])[] = [
  ['', [2]],
  ['   ', [2, 224, 224, 224]],
  [' ', [2, 224]],
  ['\t\ttabs\tand\n\n\nlines\r\n', [2, 201, 201, 87, 412, 86, 201, 371, 202, 202, 202, 79, 1134, 205, 202]],
  ['The ship was built in 1912 .', [2, 55, 261, 1204, 320, 1864, 287, 1665, 21, 275]],
  ['naïve café — “quoted”', [2, 2291, 131, 111, 324, 1485, 73, 2221, 524, 493, 254, 437, 2606, 488, 255]],
  [
    '日本語のテキスト',
    [
      2, 166, 249, 102, 166, 254, 109, 168, 107, 256, 163, 227, 110, 163, 229, 232, 163, 228, 259, 163, 228, 121, 163,
      229, 234,
    ],
  ],
  [
    '👩\u200d👩\u200d👧\u200d👦 family 🎉🎉',
    [
      2, 176, 257, 243, 106, 488, 239, 176, 257, 243, 106, 488, 239, 176, 257, 243, 104, 488, 239, 176, 257, 243, 103,
      1337, 224, 176, 257, 240, 235, 176, 257, 240, 235,
    ],
  ],
  ['a\u0000b\u0007', [2, 68, 192, 69, 199]],
  ["it's we'll I'D don't", [2, 281, 10, 86, 497, 10, 856, 318, 10, 39, 2287, 10, 87]],
  ['\ufeffmark', [2, 2806, 80, 714]],
  ['</s>inside</s> <pad>', [2, 2, 997, 534, 2, 224, 1]],
  ['  two  spaces  ', [2, 224, 624, 224, 606, 1444, 224, 224]],
  ['e\u0301 é ﬁ', [2, 72, 140, 227, 224, 2221, 224, 175, 109, 227]],
  ['12345 3.14 １２', [2, 20, 21, 22, 23, 24, 715, 17, 20, 23, 224, 175, 124, 243, 175, 124, 244]],
  ['مرحبا שלום', [2, 153, 231, 152, 113, 152, 259, 152, 105, 152, 104, 224, 151, 106, 151, 254, 151, 247, 151, 255]],
  ['\u00a0nbsp\u2003em', [2, 130, 258, 81, 2369, 83, 488, 229, 387]],
  ['@-@ <unk> @,@', [2, 35, 365, 224, 31, 3650, 33, 877]],
  [' = Title = \n', [2, 369, 305, 281, 299, 369, 303]],
];

test('odd texts get the ids the Rust library gives', () => {
  for (const [text, ids] of golden) {
    assert.equal([...tokenizer.encode(text, { special: true })], ids, JSON.stringify(text));
    assert.equal([...tokenizer.encode(text, { special: false })], ids.slice(1), JSON.stringify(text));
  }
});

test('ids decode to the text they came from, without cleaning up', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      assert.is(tokenizer.decode(tokenizer.encode(text, { special: false })), text);
    }),
  );
  assert.is(tokenizer.decode(tokenizer.encode("hi . it 's , n't", { special: false })), "hi . it 's , n't");
});

test('special tokens are decoded unless they are left out', () => {
  const ids = tokenizer.encode('The ship', { special: true });
  assert.is(tokenizer.decode(ids), '</s>The ship');
  assert.is(tokenizer.decode(ids, { special: false }), 'The ship');
});

test('no ids and ids without a token decode to nothing', () => {
  assert.is(tokenizer.decode([]), '');
  assert.is(tokenizer.decode([4096, 1_000_000]), '');
});

test('the configuration says which tokens begin and end a text', () => {
  assert.is(tokenizer.bosTokenId, 2);
  assert.is(tokenizer.eosTokenId, 2);
  const { tokenizerJson } = embeddedTokenizerFiles;
  assert.is(openTokenizer({ tokenizerJson }).eosTokenId, undefined);
});

test('a model with fewer rows than the tokenizer has ids is refused', () => {
  assert.is(tokenizer.vocabularySize, 4096);
  tokenizer.checkVocabulary(4096);
  tokenizer.checkVocabulary(5000);
  const error = inputError(() => tokenizer.checkVocabulary(4095));
  assert.match(error.message, /the tokenizer makes id 4,095 but the model has 4,095 rows/);
  assert.is(error.suggestion, 'is this the tokenizer of this model?');
});

const original = readJsonObject(embeddedTokenizerFiles.tokenizerJson);

function changed(change: JsonObject): string {
  return JSON.stringify({ ...original, ...change });
}

function changedModel(change: JsonObject): string {
  const { model } = original;
  if (!isJsonObject(model)) throw new Error('the embedded tokenizer has no model');
  return changed({ model: { ...model, ...change } });
}

const refused: readonly (readonly [what: string, text: string, message: RegExp])[] = [
  ['an empty file', '', /is not valid JSON/],
  ['a list', '[]', /is not a JSON object/],
  ['another JSON file', '{"hidden_size":1}', /has no model/],
  ['an unknown model', changedModel({ type: 'Wordish' }), /has a model of type "Wordish"/],
  ['no vocabulary', changedModel({ vocab: {} }), /has no vocabulary/],
  ['a vocabulary that is a text', changedModel({ vocab: 'abc' }), /has no vocabulary/],
  ['a negative id', changedModel({ vocab: { a: -1 } }), /gives token "a" the id -1/],
  ['an id that is a text', changedModel({ vocab: { a: '1' } }), /gives token "a" the id "1"/],
  ['an id beyond 2^31', changedModel({ vocab: { a: 2 ** 31 } }), /gives token "a" the id 2147483648/],
  ['no merges', changedModel({ merges: null }), /has no list of merges/],
  ['a merge of one part', changedModel({ merges: [['a']] }), /has no list of merges/],
  ['Unigram pieces without scores', changedModel({ type: 'Unigram', vocab: [['a']] }), /not a list of pieces/],
  ['added tokens that are an object', changed({ added_tokens: {} }), /added_tokens that are not a list/],
  [
    'an added token without an id',
    changed({ added_tokens: [{ content: 'a' }] }),
    /added token "a" with the id undefined/,
  ],
  ['an added token without text', changed({ added_tokens: [{ id: 1, content: '' }] }), /the added token ""/],
  [
    'an added token that must be a word of its own',
    changed({ added_tokens: [{ id: 1, content: 'a', single_word: true }] }),
    /has the single_word token "a"/,
  ],
  [
    'Unigram with byte_fallback',
    changedModel({ type: 'Unigram', vocab: [['a', 0]], byte_fallback: true }),
    /byte_fallback/,
  ],
  ['a BPE prefix', changedModel({ continuing_subword_prefix: '##' }), /uses continuing_subword_prefix/],
  ['an unknown pre-tokenizer', changed({ pre_tokenizer: { type: 'None' } }), /is not a tokenizer that can be used/],
  ['a normalizer that is a number', changed({ normalizer: 3 }), /is not a tokenizer that can be used/],
  [
    'a template with a token that is not there',
    changed({
      post_processor: { type: 'TemplateProcessing', single: [{ SpecialToken: { id: '<none>', type_id: 0 } }] },
    }),
    /has no id for "<none>"/,
  ],
  ['a template that is no list', changed({ post_processor: { type: 'TemplateProcessing', single: 3 } }), /can be used/],
];

for (const [what, text, message] of refused) {
  test(`refused: ${what}`, () =>
    withTemporaryDirectory(async (directory) => {
      const path = join(directory, 'tokenizer.json');
      writeFileSync(path, text);
      const error = inputError(() => openTokenizer({ tokenizerJson: path }));
      assert.match(error.message, message);
      assert.ok(error.message.startsWith(path), error.message);
    }));
}

test('a tokenizer_config.json that names tokens the tokenizer lacks is refused', () =>
  withTemporaryDirectory(async (directory) => {
    const path = join(directory, 'tokenizer_config.json');
    const open = (config: JsonObject): number | undefined => {
      writeFileSync(path, JSON.stringify(config));
      return openTokenizer({ ...embeddedTokenizerFiles, tokenizerConfig: path }).eosTokenId;
    };
    assert.is(open({ eos_token: '<pad>' }), 1);
    assert.is(open({ eos_token: { content: '</s>' } }), 2);
    assert.is(open({ eos_token: null }), undefined);
    assert.match(inputError(() => open({ eos_token: '<|end|>' })).message, /eos_token is "<\|end\|>", which/);
    assert.match(inputError(() => open({ bos_token: 2 })).message, /bos_token must be a token, got 2/);
  }));

test('a text that the vocabulary can not express is refused, not turned into wrong ids', () =>
  withTemporaryDirectory(async (directory) => {
    const path = join(directory, 'tokenizer.json');
    const wordPiece = {
      model: { type: 'WordPiece', vocab: { a: 0 }, unk_token: '[UNK]', continuing_subword_prefix: '##' },
      pre_tokenizer: { type: 'WhitespaceSplit' },
    };
    writeFileSync(path, JSON.stringify(wordPiece));
    const small = openTokenizer({ tokenizerJson: path });
    assert.equal([...small.encode('a a', { special: true })], [0, 0]);
    assert.match(inputError(() => small.encode('a b', { special: true })).message, /has no id for "\[UNK\]"/);
  }));

const wikitext = join(import.meta.dirname, '../../../shared/data/wikitext-2-raw/wiki.test.raw');
const hasWikitext = existsSync(wikitext);
if (!hasWikitext) console.log('SKIP WikiText-2 as one string: the text is not there');
(hasWikitext ? test : test.skip)('WikiText-2 test as one string has the ids the perplexities are stated for', () => {
  const ids = tokenizer.encode(readFileSync(wikitext, 'utf8'), { special: true });
  assert.is(ids.length, 375_009);
  assert.is(ids.indexOf(2), 0);
  assert.is(ids.indexOf(2, 1), -1);
});

test.run();
