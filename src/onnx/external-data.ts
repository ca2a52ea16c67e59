import { realpathSync, statSync } from 'node:fs';
import { dirname, isAbsolute, join, sep, win32 } from 'node:path';
import { QuernError } from '../errors.js';
import type { ExternalReference, ExternalResolver } from './decode-tensor.js';
import { FileTensor } from './tensor.js';

interface DataFile {
  /** Without symbolic links. */
  readonly path: string;
  readonly sizeBytes: number;
}

/**
 * Finds external tensors beside a model. A data file has to be a regular file in the folder of the model, also once
 * symbolic links are followed: in the folder the model is opened in or, when the model is a link itself, in the one it
 * leads to. Every refusal is a `QuernError` that names the tensor.
 */
export function externalDataOf(modelPath: string): ExternalResolver {
  const folder = dirname(modelPath);
  const allowedFolders = [realpathSync(folder), dirname(realpathSync(modelPath))];
  const files = new Map<string, DataFile>();
  return (reference) => {
    const location = reference.entries.get('location') ?? '';
    const file = files.get(location) ?? findDataFile(reference.tensorName, location, folder, allowedFolders);
    files.set(location, file);
    const offset = parseCount(reference, 'offset') ?? 0;
    const length = parseCount(reference, 'length') ?? reference.byteLength;
    if (length !== reference.byteLength) {
      const shape = reference.dims.join(', ');
      throw refused(
        reference.tensorName,
        `takes ${reference.byteLength} bytes with its shape [${shape}], but ${length} in ${location}`,
      );
    }
    if (offset + length > file.sizeBytes) {
      throw refused(
        reference.tensorName,
        `takes the bytes ${offset} to ${offset + length} of ${location}, which has ${file.sizeBytes}`,
      );
    }
    return new FileTensor(reference.dataType, reference.dims, file.path, offset);
  };
}

function findDataFile(
  tensorName: string,
  location: string,
  folder: string,
  allowedFolders: readonly string[],
): DataFile {
  const outside = location === '' || isAbsolute(location) || win32.isAbsolute(location) || location.includes('\0');
  if (outside || location.split(/[/\\]/).includes('..')) {
    throw refused(tensorName, `is in the file "${location}", which is not a relative path inside the model's folder`);
  }
  const file = resolveFile(join(folder, location));
  if (file === undefined) throw refused(tensorName, `is in the file "${location}", which is not there`);
  if (!allowedFolders.some((allowed) => file.path.startsWith(allowed.endsWith(sep) ? allowed : allowed + sep))) {
    throw refused(tensorName, `is in the file "${location}", which leads out of the model's folder`);
  }
  return file;
}

/** The regular file that a path leads to, if there is one. */
function resolveFile(path: string): DataFile | undefined {
  try {
    const resolved = realpathSync(path);
    const status = statSync(resolved);
    return status.isFile() ? { path: resolved, sizeBytes: status.size } : undefined;
  } catch {
    return undefined;
  }
}

function parseCount({ tensorName, entries }: ExternalReference, key: string): number | undefined {
  const text = entries.get(key);
  if (text === undefined) return undefined;
  const count = Number(text);
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(count)) {
    throw refused(tensorName, `has the impossible ${key} "${text}" in its data file`);
  }
  return count;
}

function refused(tensorName: string, problem: string): QuernError {
  return new QuernError('input', `tensor "${tensorName}" ${problem}`);
}
