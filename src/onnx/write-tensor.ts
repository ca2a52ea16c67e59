import { closeSync, constants, copyFileSync, linkSync, openSync, statSync, writeSync } from 'node:fs';
import { systemErrorCode } from '../errors.js';
import { FileTensor, StreamedTensor, type Tensor } from './tensor.js';

const chunkBytes = 4 * 2 ** 20;

/** Puts the bytes of a tensor into a new file, without reading them where the file system can share them. */
export function writeTensorFile(tensor: Tensor, path: string, hardLinks: boolean): void {
  if (tensor instanceof FileTensor && isWholeFile(tensor)) {
    if (hardLinks && tryLink(tensor.path, path)) return;
    copyFileSync(tensor.path, path, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE);
    return;
  }
  withNewFile(path, (file) => writeTensor(tensor, file, 0));
}

/**
 * Writes the bytes of a tensor at a position of an open file. Of a tensor in a file no more than a chunk is in memory.
 * `onBytes` is given all of them, in order.
 */
export function writeTensor(
  tensor: Tensor,
  file: number,
  position: number,
  onBytes: (bytes: Uint8Array) => void = () => {},
): void {
  let end = position;
  for (const chunk of piecesOf(tensor)) {
    onBytes(chunk);
    writeFully(file, chunk, end);
    end += chunk.byteLength;
  }
}

function piecesOf(tensor: Tensor): Iterable<Uint8Array> {
  if (tensor instanceof FileTensor) return tensor.chunks(chunkBytes);
  return tensor instanceof StreamedTensor ? tensor.chunks() : [tensor.bytes()];
}

/** Creates a file that must not be there yet, and keeps it open for as long as `use` takes. */
export function withNewFile<T>(path: string, use: (file: number) => T): T {
  const file = openSync(path, 'wx');
  try {
    return use(file);
  } finally {
    closeSync(file);
  }
}

function writeFully(file: number, bytes: Uint8Array, position: number): void {
  for (let done = 0; done < bytes.byteLength; ) {
    done += writeSync(file, bytes, done, Math.min(chunkBytes, bytes.byteLength - done), position + done);
  }
}

function isWholeFile({ path, offset, byteLength }: FileTensor): boolean {
  return offset === 0 && statSync(path, { throwIfNoEntry: false })?.size === byteLength;
}

/** Whether the file system made a hard link: some can't, and none can between two file systems. */
function tryLink(existing: string, path: string): boolean {
  try {
    linkSync(existing, path);
    return true;
  } catch (error) {
    if (systemErrorCode(error) === 'EEXIST') throw error;
    return false;
  }
}
