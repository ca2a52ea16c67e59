import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { readJsonObject } from '../files/json-file.js';
import { isJsonObject } from '../json.js';

/** What the stage that quantized a layer has found, relative, in Frobenius norms. `null`: it is not known. */
export interface LayerErrors {
  readonly weightError: number | null;
  /** On the tokens of the stage's data set. */
  readonly outputError: number | null;
}

export const unknownErrors: LayerErrors = { weightError: null, outputError: null };

/** The errors in `quantization.json` of a model that quern wrote, by the names of layers; none where there is no such file. */
export function readLayerErrors(directory: string): ReadonlyMap<string, LayerErrors> {
  const path = join(directory, 'quantization.json');
  const { nodes } = existsSync(path) ? readJsonObject(path) : { nodes: [] };
  if (!Array.isArray(nodes)) return new Map();
  return new Map(
    nodes.filter(isJsonObject).map(({ name, relativeError, outputError }) => {
      return [String(name), { weightError: numberOrNull(relativeError), outputError: numberOrNull(outputError) }];
    }),
  );
}

function numberOrNull(value: unknown): number | null {
  return typeof value === 'number' ? value : null;
}
