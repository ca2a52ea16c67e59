import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { readJsonObject } from '../../src/files/json-file.js';
import { tokenizerOfSentencePiece } from '../../src/text/sentencepiece-tokenizer.js';
import { tokenizerOfVocabularyFiles } from '../../src/text/vocabulary-files.js';
import { inputError } from '../checkpoints/support.js';
import { withTemporaryDirectory } from '../support/temporary.js';
import { checkIds, goldenDirectory, openJson } from './golden.js';
import { embeddedTokenizerFiles } from './support.js';

const { model } = readJsonObject(embeddedTokenizerFiles.tokenizerJson) as unknown as {
  readonly model: { readonly vocab: object; readonly merges: readonly (string | readonly string[])[] };
};
const mergeLines = model.merges.map((merge) => (typeof merge === 'string' ? merge : merge.join(' ')));
const config = readJsonObject(embeddedTokenizerFiles.tokenizerConfig);
const bpeModel = join(goldenDirectory, 'sentencepiece-bpe.model');
const unigramModel = join(goldenDirectory, 'sentencepiece-unigram.model');

function withFiles(
  vocab: object,
  merges: readonly string[],
  use: (vocabJson: string, mergesText: string) => Promise<void>,
): Promise<void> {
  return withTemporaryDirectory(async (directory) => {
    writeFileSync(join(directory, 'vocab.json'), JSON.stringify(vocab));
    writeFileSync(join(directory, 'merges.txt'), ['#version: 0.2', ...merges, ''].join('\n'));
    await use(join(directory, 'vocab.json'), join(directory, 'merges.txt'));
  });
}

test("vocab.json and merges.txt give the ids of Python's tokenizers", () =>
  withFiles(model.vocab, mergeLines, async (vocabJson, mergesText) => {
    const tokenizer = await openJson(tokenizerOfVocabularyFiles(vocabJson, mergesText, config), config);
    checkIds('vocab.json and merges.txt', tokenizer);
    assert.is(tokenizer.bosTokenId, 2);
    assert.is(tokenizer.decode([1, 55, 2], { special: false }), 'T');
  }));

test('vocab.json and merges.txt that do not belong together are refused', async () => {
  const problem = (vocab: object, merges: readonly string[]): Promise<string> => {
    let message = '';
    return withFiles(vocab, merges, async (vocabJson, mergesText) => {
      message = inputError(() => tokenizerOfVocabularyFiles(vocabJson, mergesText, {})).message;
    }).then(() => message);
  };
  assert.match(await problem({ a: 0, b: 1 }, ['a b']), /merges "a" and "b", which are not all tokens/);
  assert.match(await problem({ a: 0, b: 1.5 }, []), /gives token "b" the id 1.5/);
  assert.match(await problem({ a: 0 }, ['a']), /merges\.txt:2: "a" is not two tokens/);
  assert.match(await problem({ a: 0 }, ['a  a']), /merges\.txt:2: "a {2}a" is not two tokens/);
});

test("SentencePiece BPE gives the ids of Python's tokenizers", async () => {
  const tokenizer = await openJson(tokenizerOfSentencePiece(bpeModel, {}));
  checkIds('SentencePiece BPE', tokenizer);
  assert.ok(tokenizer.takesLongTexts);
});

test('SentencePiece BPE with a space in front of the whole text alone does so', async () => {
  checkIds('SentencePiece BPE, not legacy', await openJson(tokenizerOfSentencePiece(bpeModel, { legacy: false })));
});

test("SentencePiece Unigram gives the ids of Python's tokenizers", async () => {
  checkIds('SentencePiece Unigram', await openJson(tokenizerOfSentencePiece(unigramModel, {})));
});

test('tokenizer_config.json says whether a text begins with BOS and ends with EOS', async () => {
  const around = async (settings: { readonly [name: string]: boolean }): Promise<(number | undefined)[]> => {
    const ids = (await openJson(tokenizerOfSentencePiece(bpeModel, settings))).encode('ship', { special: true });
    return [ids[0], ids.at(-1)].map((id) => (id === 1 || id === 2 ? id : undefined));
  };
  assert.equal(await around({}), [1, undefined]);
  assert.equal(await around({ add_bos_token: false }), [undefined, undefined]);
  assert.equal(await around({ add_eos_token: true }), [1, 2]);
});

test('a file that is not a SentencePiece model is refused', () =>
  withTemporaryDirectory(async (directory) => {
    const path = join(directory, 'tokenizer.model');
    const whole = readFileSync(bpeModel);
    const problem = (content: Uint8Array): string => {
      writeFileSync(path, content);
      return inputError(() => tokenizerOfSentencePiece(path, {})).message;
    };
    assert.match(problem(new Uint8Array()), /has no vocabulary/);
    assert.match(problem(Buffer.from('version https://git-lfs.github.com/spec/v1\n')), /is not a SentencePiece model/);
    assert.match(problem(whole.subarray(0, 1001)), /is not a SentencePiece model|has no unknown token/);
    assert.match(problem(Buffer.concat([whole, whole])), /has the piece .* twice/);
    // A length of 2^32 - 1 in front of nothing.
    assert.match(problem(Uint8Array.of(0x0a, 0xff, 0xff, 0xff, 0xff, 0x0f)), /is not a SentencePiece model/);
  }));

test.run();
