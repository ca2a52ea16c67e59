import { isJsonObject, type Json, type JsonObject } from '../json.js';
import { steps } from './mend-tokenizer.js';
import { wordPatterns } from './pre-tokenizers.js';
import { spaceMark } from './scored-bpe.js';

/**
 * How a long text may be tokenized in pieces with the ids of the whole. Pieces end before a space between two letters or
 * digits of ASCII. `drop-space`: the tokenizer adds a space in front of a text, so the one of the piece is left out.
 */
export type PieceRule = 'keep-space' | 'drop-space';

/** The rule for a tokenizer. `undefined` when it is not known that pieces give the ids of the whole. */
export function pieceRule(json: JsonObject): PieceRule | undefined {
  const { model, normalizer, pre_tokenizer: preTokenizer, added_tokens: addedTokens } = json;
  if (!isJsonObject(model) || model.type !== 'BPE') return undefined;
  if (Array.isArray(addedTokens) && addedTokens.some(reachesOverSpaces)) return undefined;
  const prefix = prefixOf(normalizer ?? null, preTokenizer ?? null);
  if (prefix === undefined) return undefined;
  const marksSpaces = flattened(preTokenizer ?? null, 'pretokenizers').every(({ type }) => type === 'Metaspace');
  const wordsEnd = marksSpaces ? !hasTokenOverSpace(model) : hasWordBoundaries(preTokenizer ?? null);
  if (!wordsEnd) return undefined;
  return prefix ? 'drop-space' : 'keep-space';
}

/** Whether a space is added in front of a text. `undefined` for steps of which that is not known. */
function prefixOf(normalizer: Json, preTokenizer: Json): boolean | undefined {
  let isAdded = false;
  for (const step of flattened(normalizer, 'normalizers')) {
    if (step.type === 'Prepend' && step.prepend === spaceMark) isAdded = true;
    else if (step.type === 'Replace') {
      if (!isJsonObject(step.pattern) || step.pattern.String !== ' ' || step.content !== spaceMark) return undefined;
    } else if (step.type !== 'NFC') return undefined;
  }
  for (const step of flattened(preTokenizer, 'pretokenizers')) {
    if (step.type === 'Metaspace') isAdded ||= step.prepend_scheme !== 'never';
    else if (step.type === 'ByteLevel') {
      if (step.add_prefix_space === true) return undefined;
    } else if (step.type !== 'Split' && step.type !== 'Digits') return undefined;
  }
  return isAdded;
}

/** Whether some step lets no word go on over a space between letters. All steps have to be known to respect one. */
function hasWordBoundaries(preTokenizer: Json): boolean {
  const all = flattened(preTokenizer, 'pretokenizers');
  const isKnown = all.every(({ type, pattern }) => {
    if (type !== 'Split') return type === 'ByteLevel' || type === 'Digits';
    return isJsonObject(pattern) && typeof pattern.Regex === 'string' && wordPatterns.has(pattern.Regex);
  });
  const cuts = all.some(({ type, use_regex: useRegex, pattern }) => {
    if (type === 'ByteLevel') return useRegex !== false;
    return type === 'Split' && isJsonObject(pattern) && String(pattern.Regex).includes('\\s+(?!\\S)');
  });
  return isKnown && cuts;
}

/** Whether some token has a space after something else, so that a merge may reach over the end of a piece. */
function hasTokenOverSpace(model: JsonObject): boolean {
  if (!isJsonObject(model.vocab)) return true;
  return Object.keys(model.vocab).some((token) => /[^\u2581 ][\u2581 ]/.test(token));
}

function reachesOverSpaces(token: Json): boolean {
  if (!isJsonObject(token) || typeof token.content !== 'string') return true;
  return token.lstrip === true || token.rstrip === true || /\S\s+\S/.test(token.content);
}

function flattened(step: Json, member: 'normalizers' | 'pretokenizers'): readonly JsonObject[] {
  if (!isJsonObject(step)) return [];
  if (step.type !== 'Sequence') return [step];
  const inner = member === 'pretokenizers' ? steps(step) : step.normalizers;
  return Array.isArray(inner) ? inner.flatMap((one: Json) => flattened(one, member)) : [];
}

const boundary = /[A-Za-z0-9] [A-Za-z0-9]/g;

/** Cuts a text into pieces of about `length` UTF-16 code units, where a rule allows. They may come out longer. */
export function* piecesOf(text: string, length: number, rule: PieceRule): Generator<string, void, undefined> {
  let start = 0;
  while (text.length - start > length) {
    boundary.lastIndex = start + length;
    const found = boundary.exec(text);
    if (found === null) break;
    const end = found.index + 1;
    yield text.slice(start, end);
    start = rule === 'drop-space' ? end + 1 : end;
  }
  yield text.slice(start);
}
