import { QuernError } from '../errors.js';
import { quote } from '../files/quote.js';
import type { JsonObject } from '../json.js';
import { byteLevelBpeJson } from './byte-level-bpe.js';
import { preTokenizersByName } from './pre-tokenizers.js';
import { addedPieces, pieceTypes, scoredBpeJson } from './scored-bpe.js';
import { surround } from './special-tokens.js';

/** What a GGUF file says of its tokenizer, in the members `tokenizer.ggml.*` of its metadata. */
export interface GgufTokenizer {
  /** `gpt2` for byte pairs, `llama` for SentencePiece. */
  readonly model: string;
  /** Name of the way to cut text into words. Only for `gpt2`. */
  readonly pre: string | undefined;
  readonly tokens: readonly string[];
  /** Numbers of `pieceTypes`. */
  readonly tokenTypes: ArrayLike<number> | undefined;
  readonly scores: ArrayLike<number> | undefined;
  /** Two tokens with a space between them. */
  readonly merges: readonly string[] | undefined;
  readonly bosTokenId: number | undefined;
  readonly eosTokenId: number | undefined;
  readonly unknownTokenId: number | undefined;
  readonly paddingTokenId: number | undefined;
  readonly addBosToken: boolean | undefined;
  readonly addEosToken: boolean | undefined;
  readonly addSpacePrefix: boolean | undefined;
  readonly chatTemplate: string | undefined;
}

export interface ConvertedTokenizer {
  /** The content of tokenizer.json. */
  readonly tokenizer: JsonObject;
  /** The content of tokenizer_config.json. */
  readonly config: JsonObject;
}

/** Turns the tokenizer of a GGUF file (at `path`, for messages) into the files that other models come with. What is not supported is a QuernError. */
export function tokenizerOfGguf(gguf: GgufTokenizer, path: string): ConvertedTokenizer {
  check(gguf, path);
  if (gguf.model === 'gpt2') return byteLevel(gguf, path);
  if (gguf.model === 'llama') return sentencePiece(gguf, path);
  throw new QuernError('input', `${path} has a tokenizer of type ${quote(gguf.model)}; gpt2 and llama are supported`, {
    suggestion: 'put the tokenizer.json of the model beside the file',
  });
}

function check({ tokens, tokenTypes, scores }: GgufTokenizer, path: string): void {
  const wrong = (what: string): QuernError => new QuernError('input', `${path}: the tokenizer ${what}`);
  if (tokens.length === 0) throw wrong('has no tokens');
  for (const [name, list] of Object.entries({ types: tokenTypes, scores })) {
    if (list !== undefined && list.length !== tokens.length)
      throw wrong(`has ${tokens.length} tokens and ${list.length} ${name}`);
  }
  const seen = new Set<string>();
  for (const token of tokens) {
    if (seen.has(token)) throw wrong(`has the token ${quote(token)} twice`);
    seen.add(token);
  }
}

function byteLevel(gguf: GgufTokenizer, path: string): ConvertedTokenizer {
  const preTokenizer = preTokenizersByName.get(gguf.pre ?? '');
  if (preTokenizer === undefined) {
    const known = [...preTokenizersByName.keys()].join(', ');
    throw new QuernError('input', `${path} cuts text into words by the rule ${quote(gguf.pre ?? 'default')}`, {
      suggestion: `known are ${known}; put the tokenizer.json of the model beside the file`,
    });
  }
  const { json, normalizer, ignoreMerges } = preTokenizer;
  const merges = (gguf.merges ?? []).map((merge): readonly [string, string] => {
    // A token may begin with the space that separates the two.
    const space = merge.indexOf(' ', 1);
    if (space > 0) return [merge.slice(0, space), merge.slice(space + 1)];
    throw new QuernError('input', `${path}: ${quote(merge)} is not two tokens with a space between them`);
  });
  const pieces = gguf.tokens.map((text, id) => ({ text, score: 0, type: typeOf(gguf, id) }));
  const addBos = gguf.addBosToken ?? preTokenizer.addBos;
  const tokenizer = byteLevelBpeJson({
    path,
    vocabulary: new Map(gguf.tokens.map((token, id) => [token, id])),
    merges,
    addedTokens: addedPieces(pieces),
    ...{ normalizer, preTokenizer: json, ignoreMerges },
    postProcessor: surroundings(gguf, addBos),
  });
  return { tokenizer, config: configOf(gguf, addBos) };
}

function sentencePiece(gguf: GgufTokenizer, path: string): ConvertedTokenizer {
  const { tokens, scores } = gguf;
  if (scores === undefined) throw new QuernError('input', `${path}: the tokenizer has no scores`);
  const pieces = tokens.map((text, id) => ({ text, score: scores[id] ?? 0, type: typeOf(gguf, id) }));
  const addBos = gguf.addBosToken ?? true;
  const tokenizer = scoredBpeJson({
    pieces,
    unknownId: gguf.unknownTokenId ?? 0,
    byteFallback: pieces.some(({ type }) => type === pieceTypes.byte),
    addPrefixSpace: gguf.addSpacePrefix ?? true,
    legacy: true,
    postProcessor: surroundings(gguf, addBos),
  });
  return { tokenizer, config: configOf(gguf, addBos) };
}

function typeOf({ tokenTypes }: GgufTokenizer, id: number): number {
  return tokenTypes?.[id] ?? pieceTypes.normal;
}

function tokenOf({ tokens }: GgufTokenizer, id: number | undefined): string | undefined {
  return id === undefined ? undefined : tokens[id];
}

function surroundings(gguf: GgufTokenizer, addBos: boolean): JsonObject | null {
  const bos = tokenOf(gguf, addBos ? gguf.bosTokenId : undefined);
  const eos = tokenOf(gguf, gguf.addEosToken === true ? gguf.eosTokenId : undefined);
  if (bos === undefined && eos === undefined) return null;
  const present = (token: string | undefined): string[] => (token === undefined ? [] : [token]);
  return surround({ before: present(bos), after: present(eos) }, (token) => gguf.tokens.indexOf(token));
}

function configOf(gguf: GgufTokenizer, addBos: boolean): JsonObject {
  const tokens = {
    bos_token: tokenOf(gguf, gguf.bosTokenId),
    eos_token: tokenOf(gguf, gguf.eosTokenId),
    unk_token: tokenOf(gguf, gguf.unknownTokenId),
    pad_token: tokenOf(gguf, gguf.paddingTokenId),
    chat_template: gguf.chatTemplate,
  };
  return {
    add_bos_token: addBos,
    add_eos_token: gguf.addEosToken ?? false,
    clean_up_tokenization_spaces: false,
    ...Object.fromEntries(Object.entries(tokens).filter(([, text]) => text !== undefined)),
  };
}
