import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import zlib from 'node:zlib';
import type { AsyncBuffer, Compressors, FileMetaData } from 'hyparquet';
import { parquetMetadataAsync, parquetReadObjects, snappyUncompress } from 'hyparquet';
import { QuernError } from '../errors.js';
import { withInputFile } from '../files/input-file.js';
import { printable, quote } from '../files/quote.js';

/** No page of text is larger; what a file says of its pages is not believed beyond it. */
const maximumPageBytes = 256 * 1024 * 1024;
/** A copy in Snappy takes 3 bytes and stands for 64 at the most. */
const snappyExpansion = 22;

const compressors: Compressors = {
  SNAPPY: (input, outputLength) => {
    const output = new Uint8Array(checkedLength(outputLength, input.length * snappyExpansion));
    snappyUncompress(input, output);
    return output;
  },
  GZIP: (input, outputLength) => zlib.gunzipSync(input, { maxOutputLength: checkedLength(outputLength) }),
  BROTLI: (input, outputLength) => zlib.brotliDecompressSync(input, { maxOutputLength: checkedLength(outputLength) }),
  ...zstandard(),
};

/** Node.js has Zstandard since 22.15. */
function zstandard(): Compressors {
  if (!('zstdDecompressSync' in zlib)) return {};
  const decompress = zlib.zstdDecompressSync as (input: Uint8Array, options: zlib.ZlibOptions) => Buffer;
  return { ZSTD: (input, outputLength) => decompress(input, { maxOutputLength: checkedLength(outputLength) }) };
}

function checkedLength(length: number, possible = maximumPageBytes): number {
  if (length > Math.min(possible, maximumPageBytes)) throw new RangeError(`a page of ${length} bytes is not possible`);
  return Math.max(1, length);
}

/** The texts of one column of a Parquet file, row group by row group. What can't be read is a QuernError. */
export async function* readParquetTexts(path: string, column: string): AsyncGenerator<string, void, undefined> {
  withInputFile(path, () => undefined);
  const descriptor = openSync(path, 'r');
  try {
    const file = asyncBuffer(descriptor, path);
    const metadata = await attempt(path, () => parquetMetadataAsync(file));
    checkColumn(metadata, column, path);
    let rowStart = 0;
    for (const group of metadata.row_groups) {
      const rowEnd = rowStart + Number(group.num_rows);
      const range = { rowStart, rowEnd, columns: [column] };
      const rows = await attempt(path, () => parquetReadObjects({ file, metadata, compressors, ...range }));
      for (const [index, row] of rows.entries()) {
        const text: unknown = row[column];
        if (typeof text === 'string') yield text;
        else throw new QuernError('input', `${path} has no text in row ${rowStart + index + 1} of ${quote(column)}`);
      }
      rowStart = rowEnd;
    }
  } finally {
    closeSync(descriptor);
  }
}

function asyncBuffer(descriptor: number, path: string): AsyncBuffer {
  const byteLength = fstatSync(descriptor).size;
  return {
    byteLength,
    slice(start, end = byteLength) {
      if (!(start >= 0 && start <= end && end <= byteLength)) throw new RangeError('it refers to bytes beyond its end');
      const bytes = new Uint8Array(end - start);
      for (let done = 0; done < bytes.length; ) {
        const count = readSync(descriptor, bytes, done, bytes.length - done, start + done);
        if (count === 0) throw new QuernError('input', `${path} ends while it is being read`);
        done += count;
      }
      return bytes.buffer;
    },
  };
}

async function attempt<T>(path: string, read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (error) {
    if (error instanceof QuernError) throw error;
    const reason = error instanceof Error ? error.message : String(error);
    const codec = /unsupported compression codec: ZSTD/.test(reason);
    throw new QuernError('input', `${path} can't be read as Parquet: ${printable(reason)}`, {
      cause: error,
      suggestion: codec ? 'Zstandard needs Node.js 22.15 or newer' : 'it may be cut off or damaged: fetch it again',
    });
  }
}

function checkColumn(metadata: FileMetaData, column: string, path: string): void {
  const [root, ...elements] = metadata.schema;
  const names = root?.num_children === elements.length ? elements.map(({ name }) => name) : [];
  if (names.length === 0 || names.includes(column)) return;
  throw new QuernError('input', `${path} has no column ${quote(column)}`, {
    suggestion: `its columns are ${names.slice(0, 12).map(quote).join(', ')}`,
  });
}
