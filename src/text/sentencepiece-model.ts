import { BinaryReader, WireType } from '@bufbuild/protobuf/wire';
import { QuernError } from '../errors.js';
import { withInputFile } from '../files/input-file.js';
import { quote } from '../files/quote.js';
import type { ScoredPiece } from './scored-bpe.js';
import { pieceTypes } from './scored-bpe.js';

/** What a `tokenizer.model` of SentencePiece says. Field numbers are those of sentencepiece_model.proto. */
export interface SentencePieceModel {
  readonly kind: 'unigram' | 'bpe';
  readonly pieces: readonly ScoredPiece[];
  readonly unknownId: number;
  readonly byteFallback: boolean;
  readonly addDummyPrefix: boolean;
  /** Whether characters are replaced by others before anything else, by a compiled table. */
  readonly hasCharacterMap: boolean;
}

const maximumModelBytes = 64 * 1024 * 1024;
const maximumPieces = 2_000_000;

/** A part of the file, field by field. Unknown fields are passed over. */
type Fields = { readonly [field: number]: (reader: BinaryReader) => void };

/** Reads a `tokenizer.model`. A file that is none is a QuernError. */
export function readSentencePieceModel(path: string): SentencePieceModel {
  const bytes = withInputFile(path, (file) => {
    if (file.sizeBytes > maximumModelBytes) throw new QuernError('input', `${path} is too large for a tokenizer`);
    const content = new Uint8Array(file.sizeBytes);
    file.read(0, content);
    return content;
  });
  try {
    return checked(parse(bytes), path);
  } catch (error) {
    if (error instanceof QuernError) throw error;
    throw new QuernError('input', `${path} is not a SentencePiece model`, {
      suggestion: 'it may be a pointer of Git LFS, or cut off: download it again',
      cause: error,
    });
  }
}

function parse(bytes: Uint8Array): SentencePieceModel & { readonly modelType: number } {
  const pieces: ScoredPiece[] = [];
  const facts = { modelType: 1, unknownId: 0, byteFallback: false, addDummyPrefix: true, hasCharacterMap: false };
  readFields(bytes, {
    1: (reader) => {
      if (pieces.length >= maximumPieces) throw new RangeError('too many pieces');
      pieces.push(parsePiece(reader.bytes()));
    },
    2: (reader) =>
      readFields(reader.bytes(), {
        3: (field) => {
          facts.modelType = field.int32();
        },
        35: (field) => {
          facts.byteFallback = field.bool();
        },
        40: (field) => {
          facts.unknownId = field.int32();
        },
      }),
    3: (reader) =>
      readFields(reader.bytes(), {
        2: (field) => {
          facts.hasCharacterMap = field.bytes().length > 0;
        },
        3: (field) => {
          facts.addDummyPrefix = field.bool();
        },
      }),
  });
  return { ...facts, kind: facts.modelType === 2 ? 'bpe' : 'unigram', pieces };
}

function parsePiece(bytes: Uint8Array): ScoredPiece {
  const piece = { text: '', score: 0, type: pieceTypes.normal as number };
  readFields(bytes, {
    1: (reader) => {
      piece.text = reader.string();
    },
    2: (reader) => {
      piece.score = reader.float();
    },
    3: (reader) => {
      piece.type = reader.int32();
    },
  });
  return piece;
}

function readFields(bytes: Uint8Array, fields: Fields): void {
  const reader = new BinaryReader(bytes);
  while (reader.pos < reader.len) {
    const [number, wireType] = reader.tag();
    const read = fields[number];
    if (read === undefined) reader.skip(wireType, number);
    else if (wireType === WireType.StartGroup || wireType === WireType.EndGroup) throw new RangeError('a group');
    else read(reader);
  }
}

function checked(model: SentencePieceModel & { readonly modelType: number }, path: string): SentencePieceModel {
  const { pieces, unknownId, modelType } = model;
  const wrong = (what: string): QuernError => new QuernError('input', `${path} ${what}`);
  if (modelType !== 1 && modelType !== 2) throw wrong('is of a kind other than BPE and Unigram');
  if (pieces.length === 0) throw wrong('has no vocabulary');
  if (pieces[unknownId]?.type !== pieceTypes.unknown) throw wrong(`has no unknown token at id ${unknownId}`);
  const seen = new Set<string>();
  for (const { text, score } of pieces) {
    if (text === '' || !Number.isFinite(score)) throw wrong(`has the piece ${quote(text)} with the score ${score}`);
    if (seen.has(text)) throw wrong(`has the piece ${quote(text)} twice`);
    seen.add(text);
  }
  return model;
}
