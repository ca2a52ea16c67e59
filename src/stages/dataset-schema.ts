import type { Json, JsonObject } from '../json.js';
import { isJsonObject } from '../json.js';
import type { SourceRequest } from './kind.js';

/** Parameters of a data set: a text that is read as one string, tokenized once and cut into windows of equal length. */
export const datasetSchema = {
  type: 'object',
  description: 'A text read as one string, tokenized once and cut into windows of equal length',
  properties: {
    text: { type: 'string', minLength: 1, description: 'Path of a UTF-8 text file' },
    windows: { type: 'integer', minimum: 1, description: 'How many windows are used; all when left out' },
    length: { type: 'integer', minimum: 2, maximum: 1048576, description: 'Tokens in a window' },
    stride: {
      type: 'integer',
      minimum: 1,
      description: 'Tokens from the start of one window to the next; the length when left out',
    },
  },
  required: ['text'],
  additionalProperties: false,
} as const;

export const defaultWindowLength = 512;

/** The text file of a data set. */
export function datasetSources(parameters: JsonObject): readonly SourceRequest[] {
  const dataset = parameters.dataset;
  if (!isJsonObject(dataset) || typeof dataset.text !== 'string') return [];
  return [{ pointer: ['dataset', 'text'], path: dataset.text }];
}

/** A data set with every optional member given a value, so that equal data sets have equal keys. */
export function normaliseDataset(dataset: Json | undefined): JsonObject {
  if (!isJsonObject(dataset)) throw new Error('the data set has passed its schema and is an object');
  const length = dataset.length ?? defaultWindowLength;
  return { windows: null, ...dataset, length, stride: dataset.stride ?? length };
}
