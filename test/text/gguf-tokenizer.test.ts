import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { readJsonObject } from '../../src/files/json-file.js';
import type { GgufTokenizer } from '../../src/text/gguf-tokenizer.js';
import { tokenizerOfGguf } from '../../src/text/gguf-tokenizer.js';
import { inputError } from '../checkpoints/support.js';
import { checkIds, checkText, openJson } from './golden.js';
import { embeddedTokenizerFiles } from './support.js';

const { model } = readJsonObject(embeddedTokenizerFiles.tokenizerJson) as unknown as {
  readonly model: {
    readonly vocab: { readonly [token: string]: number };
    readonly merges: readonly (string | readonly string[])[];
  };
};

const path = 'model.gguf';

/** The vocabulary of the embedded tokenizer as a GGUF file gives it. */
function gguf(pre: string | undefined, change: Partial<GgufTokenizer> = {}): GgufTokenizer {
  const tokens = Object.entries(model.vocab).sort(([, one], [, other]) => one - other);
  return {
    model: 'gpt2',
    pre,
    tokens: tokens.map(([token]) => token),
    tokenTypes: tokens.map(([token]) => (token === '</s>' || token === '<pad>' ? 3 : 1)),
    scores: undefined,
    merges: model.merges.map((merge) => (typeof merge === 'string' ? merge : merge.join(' '))),
    bosTokenId: 2,
    eosTokenId: 2,
    unknownTokenId: undefined,
    paddingTokenId: 1,
    addBosToken: undefined,
    addEosToken: undefined,
    addSpacePrefix: undefined,
    chatTemplate: undefined,
    ...change,
  };
}

test('the mixed text is the one that Python made', checkText);

for (const pre of ['gpt-2', 'smollm', 'llama-bpe', 'qwen2', 'tekken']) {
  test(`words cut by the rule ${pre} have the ids of Python's tokenizers`, async () => {
    const { tokenizer, config } = tokenizerOfGguf(gguf(pre), path);
    checkIds(pre, await openJson(tokenizer, config));
  });
}

test('the file says whether a text begins with BOS and ends with EOS', async () => {
  const idsOf = async (change: Partial<GgufTokenizer>, pre = 'gpt-2'): Promise<number[]> => {
    const { tokenizer, config } = tokenizerOfGguf(gguf(pre, { bosTokenId: 1, ...change }), path);
    return [...(await openJson(tokenizer, config)).encode('The', { special: true })];
  };
  const plain = await idsOf({});
  assert.is(plain.includes(1), false);
  assert.equal(await idsOf({ addBosToken: true }), [1, ...plain]);
  assert.equal(await idsOf({ addBosToken: true, addEosToken: true }), [1, ...plain, 2]);
  assert.is((await idsOf({}, 'llama-bpe'))[0], 1);
  assert.is((await idsOf({ addBosToken: false }, 'llama-bpe'))[0], plain[0]);
});

test('special tokens keep their roles', () => {
  const { config } = tokenizerOfGguf(gguf('gpt-2', { chatTemplate: '{{ messages }}' }), path);
  assert.equal(config, {
    ...{ add_bos_token: false, add_eos_token: false, clean_up_tokenization_spaces: false },
    ...{ bos_token: '</s>', eos_token: '</s>', pad_token: '<pad>', chat_template: '{{ messages }}' },
  });
});

test('a vocabulary with scores is SentencePiece, with a space in front and bytes for the rest', async () => {
  const bytes = Array.from({ length: 256 }, (_, byte) => `<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`);
  const words = ['▁', 'a', 'b', '▁a', 'ab', '▁ab'];
  const tokens = ['<unk>', '<s>', '</s>', ...bytes, ...words];
  const { tokenizer, config } = tokenizerOfGguf(
    {
      ...gguf(undefined),
      ...{ model: 'llama', tokens, merges: undefined, bosTokenId: 1, unknownTokenId: 0, paddingTokenId: undefined },
      tokenTypes: tokens.map((_, id) => (id === 0 ? 2 : id < 3 ? 3 : id < 259 ? 6 : 1)),
      scores: tokens.map((_, id) => -id),
    },
    path,
  );
  const opened = await openJson(tokenizer, config);
  // `▁a` has a better score than `ab`, so `▁ab` comes of ▁a + b.
  assert.equal([...opened.encode('ab aé', { special: true })], [1, 264, 262, 3 + 0xc3, 3 + 0xa9]);
  assert.is(opened.decode([1, 264, 262, 3 + 0xc3, 3 + 0xa9], { special: false }), 'ab aé');
});

test('what is not supported is refused by name', () => {
  const problem = (change: Partial<GgufTokenizer>, pre: string | undefined = 'gpt-2') =>
    inputError(() => tokenizerOfGguf(gguf(pre, change), path)).message;
  assert.match(problem({ model: 'bert' }), /tokenizer of type "bert"; gpt2 and llama are supported/);
  assert.match(problem({}, 'viking'), /cuts text into words by the rule "viking"/);
  assert.match(problem({ pre: undefined }), /cuts text into words by the rule "default"/);
  assert.match(problem({ tokens: [] }), /has no tokens/);
  assert.match(problem({ tokenTypes: [1] }), /has 4096 tokens and 1 types/);
  assert.match(problem({ tokens: ['a', 'a'], tokenTypes: undefined, merges: [] }), /has the token "a" twice/);
  assert.match(problem({ merges: ['ab'] }), /"ab" is not two tokens with a space/);
  assert.match(problem({ merges: ['Ġ nowhere'] }), /merges "Ġ" and "nowhere", which are not all tokens/);
  assert.match(problem({ model: 'llama' }), /has no scores/);
});

test.run();
