import { closeSync, fstatSync, openSync, readSync, statSync } from 'node:fs';
import { QuernError, systemErrorCode } from '../errors.js';

/** A file the user gave, open for reading. */
export interface InputFile {
  readonly path: string;
  readonly sizeBytes: number;
  /** Fills `target` with the bytes from `position` on. A file that ends before that is a QuernError. */
  read(position: number, target: Uint8Array): void;
}

const maximumReadBytes = 64 * 1024 * 1024;

function unreadable(path: string, error: unknown): QuernError {
  const code = systemErrorCode(error);
  if (code === 'ENOENT' || code === 'ENOTDIR')
    return new QuernError('input', `${path} does not exist`, { cause: error });
  if (code === 'EACCES' || code === 'EPERM') {
    return new QuernError('input', `${path} may not be read`, { cause: error, suggestion: 'check its permissions' });
  }
  return new QuernError('input', `${path} can't be read (${code ?? String(error)})`, { cause: error });
}

function openForReading(path: string): number {
  let isFile: boolean;
  try {
    isFile = statSync(path).isFile();
    if (isFile) return openSync(path, 'r');
  } catch (error) {
    throw unreadable(path, error);
  }
  throw new QuernError('input', `${path} is not a file`);
}

function readFully(path: string, descriptor: number, position: number, target: Uint8Array): void {
  let done = 0;
  while (done < target.length) {
    const length = Math.min(maximumReadBytes, target.length - done);
    let count: number;
    try {
      count = readSync(descriptor, target, done, length, position + done);
    } catch (error) {
      throw unreadable(path, error);
    }
    if (count === 0) {
      throw new QuernError('input', `${path} ends at byte ${position + done}, while it was being read`, {
        suggestion: 'make sure that nothing writes to it and try again',
      });
    }
    done += count;
  }
}

/** Opens a regular file for the time of `use`. A file that can't be opened or read is a QuernError that names it. */
export function withInputFile<T>(path: string, use: (file: InputFile) => T): T {
  const descriptor = openForReading(path);
  try {
    return use({
      path,
      sizeBytes: fstatSync(descriptor).size,
      read: (position, target) => readFully(path, descriptor, position, target),
    });
  } finally {
    closeSync(descriptor);
  }
}

/**
 * The whole of a UTF-8 file as one string, with a byte order mark kept as a character. More than `maximumBytes` is
 * refused.
 */
export function readUtf8File(path: string, maximumBytes: number): string {
  const bytes = withInputFile(path, (file) => {
    if (file.sizeBytes > maximumBytes) {
      const size = file.sizeBytes.toLocaleString('en-US');
      const limit = maximumBytes.toLocaleString('en-US');
      throw new QuernError('input', `${path} has ${size} bytes, more than the ${limit} that can be read as one text`, {
        suggestion: 'take a smaller file or a part of it',
      });
    }
    const content = new Uint8Array(file.sizeBytes);
    file.read(0, content);
    return content;
  });
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (error) {
    throw new QuernError('input', `${path} is not UTF-8 text`, { cause: error, suggestion: 'convert it to UTF-8' });
  }
}
