import { QuernError } from '../errors.js';
import { isJsonObject, type JsonObject } from '../json.js';
import { readUtf8File } from './input-file.js';
import { printable } from './quote.js';

const maximumJsonBytes = 100_000_000;

/** Parses a text that must be one JSON object. `where` begins the message of the QuernError when it is not. */
export function parseJsonObject(text: string, where: string): JsonObject {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new QuernError('input', `${where} is not valid JSON: ${printable(reason)}`, { cause: error });
  }
  if (!isJsonObject(value)) throw new QuernError('input', `${where} is not a JSON object`);
  return value;
}

/**
 * The JSON object in a file. A file that is missing, not UTF-8, not JSON or not an object is a QuernError that names
 * it.
 */
export function readJsonObject(path: string): JsonObject {
  return parseJsonObject(readUtf8File(path, maximumJsonBytes), path);
}
