import { closeSync, openSync, writeSync } from 'node:fs';
import type { Conversion, Range } from '../../checkpoints/float32-pieces.js';
import { convertPart } from '../../checkpoints/float32-pieces.js';
import { ownModule } from '../../own-files.js';

/** A part of a tensor to be put into its file, as plain data. */
export interface ConversionJob {
  readonly conversion: Conversion;
  readonly part: Range;
  /** The file, which is there, for the whole tensor. */
  readonly path: string;
}

/** This module, for threads. */
export const conversionJobModule = ownModule('stages/load/conversion-job');

/** Large pieces are written in shares that are still in the cache when they are read for it. */
const writeBytes = 2 ** 20;

/** @throws QuernError with the name of the tensor */
export function run({ conversion, part, path }: ConversionJob): void {
  const file = openSync(path, 'r+');
  try {
    convertPart(conversion, part, (values, place) => writeFloats(file, values, place * 4));
  } finally {
    closeSync(file);
  }
}

function writeFloats(file: number, values: Float32Array, position: number): void {
  for (let done = 0; done < values.byteLength; ) {
    const bytes = new Uint8Array(
      values.buffer,
      values.byteOffset + done,
      Math.min(writeBytes, values.byteLength - done),
    );
    done += writeSync(file, bytes, 0, bytes.length, position + done);
  }
}
