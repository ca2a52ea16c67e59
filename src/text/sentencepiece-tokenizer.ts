import { QuernError } from '../errors.js';
import type { JsonObject } from '../json.js';
import { addedTokensJson } from './byte-level-bpe.js';
import { addedPieces, scoredBpeJson, spaceMark } from './scored-bpe.js';
import type { SentencePieceModel } from './sentencepiece-model.js';
import { readSentencePieceModel } from './sentencepiece-model.js';
import { specialToken, surround } from './special-tokens.js';

/**
 * The tokenizer.json of a `tokenizer.model` of SentencePiece. `config` is tokenizer_config.json. BPE becomes what
 * transformers makes of it for Llama, where a text begins with BOS unless the configuration says otherwise; Unigram what
 * its general converter makes.
 */
export function tokenizerOfSentencePiece(path: string, config: JsonObject): JsonObject {
  const model = readSentencePieceModel(path);
  return model.kind === 'bpe' ? bpeJson(model, config) : unigramJson(model, path);
}

function bpeJson(model: SentencePieceModel, config: JsonObject): JsonObject {
  const { pieces, unknownId, byteFallback } = model;
  const idOf = (token: string): number => pieces.findIndex(({ text }) => text === token);
  const bos = specialToken(config.bos_token) ?? '<s>';
  const eos = specialToken(config.eos_token) ?? '</s>';
  const before = config.add_bos_token !== false && idOf(bos) >= 0 ? [bos] : [];
  const after = config.add_eos_token === true && idOf(eos) >= 0 ? [eos] : [];
  const addPrefixSpace = typeof config.add_prefix_space === 'boolean' ? config.add_prefix_space : model.addDummyPrefix;
  return scoredBpeJson({
    ...{ pieces, unknownId, byteFallback, addPrefixSpace },
    legacy: config.legacy !== false,
    postProcessor: before.length + after.length === 0 ? null : surround({ before, after }, idOf),
  });
}

function unigramJson(
  { pieces, unknownId, byteFallback, hasCharacterMap }: SentencePieceModel,
  path: string,
): JsonObject {
  if (hasCharacterMap || byteFallback) {
    const what = byteFallback ? 'falls back to bytes' : 'has a compiled table of characters';
    throw new QuernError('input', `${path} is a Unigram model that ${what}, which is not supported`, {
      suggestion: 'take the tokenizer.json of the model, or save one with transformers',
    });
  }
  const spaces = { type: 'Metaspace', replacement: spaceMark, prepend_scheme: 'always', split: true };
  return {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: addedTokensJson(addedPieces(pieces)),
    normalizer: {
      type: 'Sequence',
      normalizers: [
        { type: 'Strip', strip_left: false, strip_right: true },
        { type: 'Replace', pattern: { Regex: ' {2,}' }, content: spaceMark },
      ],
    },
    pre_tokenizer: spaces,
    post_processor: null,
    decoder: spaces,
    model: {
      type: 'Unigram',
      unk_id: unknownId,
      vocab: pieces.map(({ text, score }) => [text, score]),
      byte_fallback: false,
    },
  };
}
