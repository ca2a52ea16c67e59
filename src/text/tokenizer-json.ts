import { QuernError } from '../errors.js';
import { quote } from '../files/quote.js';
import { isJsonObject, type Json, type JsonObject } from '../json.js';

/** What is checked in a tokenizer.json before the tokenizer library is given it. */
export interface TokenizerJson {
  readonly json: JsonObject;
  /** One more than the largest token id, added tokens included. */
  readonly vocabularySize: number;
  /** The id of a token, added ones included. */
  readonly idOf: (token: string) => number | undefined;
}

const largestId = 2 ** 31 - 1;

function isId(value: Json | undefined): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= largestId;
}

function isObjectList(value: Json | undefined): value is readonly JsonObject[] {
  return Array.isArray(value) && value.every(isJsonObject);
}

function isMerge(value: Json): boolean {
  if (typeof value === 'string') return value.includes(' ');
  return Array.isArray(value) && value.length === 2 && value.every((part) => typeof part === 'string');
}

/** The largest id that the model itself (BPE, WordPiece or Unigram) has a token for. */
function largestModelId(model: JsonObject, wrong: (what: string) => QuernError): number {
  const { type, vocab, merges } = model;
  if (type === 'Unigram') {
    if (!Array.isArray(vocab) || vocab.length === 0) throw wrong('has no vocabulary');
    const isPiece = (piece: Json): boolean =>
      Array.isArray(piece) && typeof piece[0] === 'string' && typeof piece[1] === 'number';
    if (!vocab.every(isPiece)) throw wrong('has a vocabulary that is not a list of pieces with scores');
    return vocab.length - 1;
  }
  if (type !== 'BPE' && type !== 'WordPiece') {
    throw wrong(`has a model of type ${quote(type)}; BPE, WordPiece and Unigram are supported`);
  }
  if (!isJsonObject(vocab)) throw wrong('has no vocabulary');
  if (type === 'BPE' && !(Array.isArray(merges) && merges.every(isMerge))) throw wrong('has no list of merges');
  let largest = -1;
  for (const [token, id] of Object.entries(vocab)) {
    if (!isId(id)) throw wrong(`gives token ${quote(token)} the id ${quote(id)}`);
    largest = Math.max(largest, id);
  }
  if (largest < 0) throw wrong('has no vocabulary');
  return largest;
}

/**
 * Features the tokenizer library accepts and leaves out, so that other ids than the model was trained with would come
 * out.
 */
function refuseIgnoredFeatures(
  model: JsonObject,
  addedTokens: readonly JsonObject[],
  wrong: (what: string) => QuernError,
): void {
  if (model.type === 'Unigram' && model.byte_fallback === true) throw wrong('uses byte_fallback with Unigram');
  if (model.type === 'BPE' && model.continuing_subword_prefix) throw wrong('uses continuing_subword_prefix with BPE');
  const singleWord = addedTokens.find((token) => token.single_word === true);
  if (singleWord !== undefined) throw wrong(`has the single_word token ${quote(singleWord.content)}`);
}

/**
 * Checks the parts of a tokenizer.json that decide what the ids are. What is wrong or not supported is a QuernError.
 */
export function checkTokenizerJson(json: JsonObject, path: string): TokenizerJson {
  const wrong = (what: string): QuernError =>
    new QuernError('input', `${path} ${what}`, { suggestion: 'is it the tokenizer.json of a supported tokenizer?' });
  const { model, added_tokens: addedTokens = [] } = json;
  if (!isJsonObject(model)) throw wrong('has no model');
  if (!isObjectList(addedTokens)) throw wrong('has added_tokens that are not a list of tokens');
  let largest = largestModelId(model, wrong);
  const addedIds = new Map<string, number>();
  for (const { id, content } of addedTokens) {
    if (!isId(id) || typeof content !== 'string' || content === '') {
      throw wrong(`has the added token ${quote(content)} with the id ${quote(id)}`);
    }
    largest = Math.max(largest, id);
    addedIds.set(content, id);
  }
  refuseIgnoredFeatures(model, addedTokens, wrong);
  const idOf = (token: string): number | undefined => addedIds.get(token) ?? modelId(model, token);
  return { json: { ...json, added_tokens: addedTokens }, vocabularySize: largest + 1, idOf };
}

function modelId({ vocab }: JsonObject, token: string): number | undefined {
  if (Array.isArray(vocab)) {
    const index = vocab.findIndex((piece: Json) => Array.isArray(piece) && piece[0] === token);
    return index < 0 ? undefined : index;
  }
  const id = isJsonObject(vocab) && Object.hasOwn(vocab, token) ? vocab[token] : undefined;
  return isId(id) ? id : undefined;
}
