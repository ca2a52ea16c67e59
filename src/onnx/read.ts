import { readFileSync, statSync } from 'node:fs';
import { QuernError } from '../errors.js';
import { decodeModel } from './decode-model.js';
import { largestModelBytes } from './encode-model.js';
import { externalDataOf } from './external-data.js';
import type { Model } from './model.js';

/**
 * Reads a model file and checks it: structure, names, sizes, and where its external data is, which is not read until it
 * is asked for. Throws a `QuernError` when the file is missing, damaged or unsupported.
 */
export function readModel(path: string): Model {
  const bytes = readFile(path);
  try {
    return decodeModel(bytes, externalDataOf(path));
  } catch (error) {
    if (!(error instanceof QuernError)) throw error;
    throw new QuernError('input', `${path} is not a readable ONNX model: ${error.message}`, { cause: error });
  }
}

function readFile(path: string): Uint8Array {
  try {
    const status = statSync(path, { throwIfNoEntry: false });
    if (status === undefined) throw new QuernError('input', `${path}: there is no such file`);
    if (!status.isFile()) throw new QuernError('input', `${path} is not a file`);
    if (status.size > largestModelBytes) throw tooLarge(path, status.size);
    return readFileSync(path);
  } catch (error) {
    if (error instanceof QuernError) throw error;
    throw new QuernError('input', `${path} can't be read`, { cause: error });
  }
}

function tooLarge(path: string, sizeBytes: number): QuernError {
  return new QuernError('input', `${path} has ${sizeBytes} bytes: model files of 2 GiB and more are not supported`, {
    suggestion: 'Save the model with its weights in external data',
  });
}
