import type { Json, JsonObject } from '../json.js';
import type { AddedToken } from './byte-level-bpe.js';
import { addedTokensJson } from './byte-level-bpe.js';

/** What a piece of a SentencePiece vocabulary is. The numbers are those of its files, and of GGUF. */
export const pieceTypes = { normal: 1, unknown: 2, control: 3, userDefined: 4, unused: 5, byte: 6 } as const;

export interface ScoredPiece {
  readonly text: string;
  readonly score: number;
  readonly type: number;
}

export interface ScoredBpe {
  /** By id. */
  readonly pieces: readonly ScoredPiece[];
  readonly unknownId: number;
  readonly byteFallback: boolean;
  /** Whether a text is tokenized as if it began with a space. */
  readonly addPrefixSpace: boolean;
  /** `true`: the space is added at the start and after each special token; `false`: at the start alone. */
  readonly legacy: boolean;
  readonly postProcessor: JsonObject | null;
}

/** The mark that stands for a space. */
export const spaceMark = '\u2581';

/** The tokenizer.json of a SentencePiece tokenizer of kind BPE, as the converter of transformers makes it for Llama. */
export function scoredBpeJson(bpe: ScoredBpe): JsonObject {
  const { pieces, addPrefixSpace, legacy } = bpe;
  const replace = { type: 'Replace', pattern: { String: ' ' }, content: spaceMark };
  const prepend = addPrefixSpace ? [{ type: 'Prepend', prepend: spaceMark }] : [];
  const strip = addPrefixSpace ? [{ type: 'Strip', content: ' ', start: 1, stop: 0 }] : [];
  return {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: addedTokensJson(addedPieces(pieces)),
    normalizer: legacy || !addPrefixSpace ? { type: 'Sequence', normalizers: [...prepend, replace] } : null,
    pre_tokenizer:
      legacy || !addPrefixSpace
        ? null
        : { type: 'Metaspace', replacement: spaceMark, prepend_scheme: 'first', split: false },
    post_processor: bpe.postProcessor,
    decoder: {
      type: 'Sequence',
      decoders: [
        { type: 'Replace', pattern: { String: spaceMark }, content: ' ' },
        ...[{ type: 'ByteFallback' }, { type: 'Fuse' }, ...strip],
      ],
    },
    model: {
      type: 'BPE',
      dropout: null,
      unk_token: pieces[bpe.unknownId]?.text ?? null,
      continuing_subword_prefix: null,
      end_of_word_suffix: null,
      fuse_unk: true,
      byte_fallback: bpe.byteFallback,
      ignore_merges: false,
      vocab: Object.fromEntries(pieces.map(({ text }, id) => [text, id])),
      merges: mergesOf(pieces),
    },
  };
}

/** Tokens that are found in a text before anything else is done with it. */
export function addedPieces(pieces: readonly ScoredPiece[]): AddedToken[] {
  return pieces.flatMap(({ text, type }, id): AddedToken[] => {
    if (type === pieceTypes.userDefined) return [{ id, content: text, special: false }];
    const isSpecial = type === pieceTypes.control || type === pieceTypes.unknown;
    return isSpecial && text !== '' ? [{ id, content: text, special: true }] : [];
  });
}

interface Merge {
  readonly left: string;
  readonly right: string;
  readonly score: number;
  /** Lengths in code points. */
  readonly leftLength: number;
  readonly rightLength: number;
}

/**
 * The merges that the scores of a vocabulary stand for: every way to put a piece together of two others, by falling
 * score of the whole, then by falling length of the parts.
 */
function mergesOf(pieces: readonly ScoredPiece[]): Json {
  const ids = new Map(pieces.map(({ text }, id) => [text, id]));
  const merges = pieces.flatMap(({ text, score }) => mergesInto(text, score, ids));
  merges.sort(
    (one, other) => other.score - one.score || other.leftLength - one.leftLength || other.rightLength - one.rightLength,
  );
  return merges.map(({ left, right }) => [left, right]);
}

function mergesInto(text: string, score: number, ids: ReadonlyMap<string, number>): Merge[] {
  const characters = [...text];
  const merges: (Merge & { readonly leftId: number; readonly rightId: number })[] = [];
  for (let index = 1; index < characters.length; index++) {
    const left = characters.slice(0, index).join('');
    const right = text.slice(left.length);
    const leftId = ids.get(left);
    const rightId = ids.get(right);
    if (leftId === undefined || rightId === undefined) continue;
    merges.push({ left, right, score, leftLength: index, rightLength: characters.length - index, leftId, rightId });
  }
  return merges.sort((one, other) => one.leftId - other.leftId || one.rightId - other.rightId);
}
