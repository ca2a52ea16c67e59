import { isUtf8 } from 'node:buffer';
import { closeSync, constants, fstatSync, openSync, readFileSync } from 'node:fs';
import { systemErrorCode } from '../errors.js';

/** The text of a file, or why there is none, in words that follow the name of the file. */
export type ReadText =
  | { readonly ok: true; readonly text: string }
  | { readonly ok: false; readonly message: string; readonly suggestion?: string };

const maximumSizeBytes = 4 * 1024 * 1024;

/** Reads a file that should be a recipe: UTF-8 text of a moderate size, without its byte order mark. */
export function readText(file: string): ReadText {
  let descriptor: number | undefined;
  try {
    // Opening a pipe would otherwise wait for a writer.
    descriptor = openSync(file, constants.O_RDONLY | constants.O_NONBLOCK);
    const status = fstatSync(descriptor);
    if (status.isDirectory()) return { ok: false, message: 'this is a directory, not a recipe' };
    if (!status.isFile()) return { ok: false, message: 'this is not a regular file' };
    if (status.size > maximumSizeBytes) return { ok: false, message: 'too large for a recipe (over 4 MiB)' };
    const bytes = readFileSync(descriptor);
    if (!isUtf8(bytes)) return { ok: false, message: 'this is not UTF-8 text', suggestion: 'save it as UTF-8' };
    return { ok: true, text: new TextDecoder().decode(bytes) };
  } catch (error) {
    const code = systemErrorCode(error);
    if (code === undefined) throw error;
    return { ok: false, message: readProblem(code) };
  } finally {
    if (descriptor !== undefined) closeSync(descriptor);
  }
}

function readProblem(code: string): string {
  switch (code) {
    case 'ENOENT':
    case 'ENOTDIR':
      return 'there is no such file';
    case 'EACCES':
    case 'EPERM':
      return 'no permission to read this file';
    default:
      return `the file can't be read (${code})`;
  }
}
