import { QuernError } from '../../errors.js';
import type { LinearLayer } from '../../models/linear-layers.js';
import { FileTensor, float32Of, MemoryTensor } from '../../onnx/tensor.js';
import { matrix } from '../../quant/matrix.js';
import type { Scheme } from '../../quant/schemes.js';
import { type QuantizedWeight, quantizeWeight } from './quantize-weight.js';

/** A weight to be quantized, as plain data: a range of a file, or bytes. float32 [rows, columns]. */
export interface WeightJob {
  /** Of the layer. */
  readonly name: string;
  readonly rows: number;
  readonly columns: number;
  readonly place: { readonly path: string; readonly offset: number } | { readonly bytes: Uint8Array };
  readonly scheme: Scheme;
}

/** This module, for threads. */
export const weightJobModule = new URL(import.meta.url);

export function weightJob({ name, tensor, inputFeatures, outputFeatures }: LinearLayer, scheme: Scheme): WeightJob {
  const place = tensor instanceof FileTensor ? { path: tensor.path, offset: tensor.offset } : { bytes: tensor.bytes() };
  return { name, rows: inputFeatures, columns: outputFeatures, place, scheme };
}

/** @throws QuernError with the name of the layer */
export function run({ name, rows, columns, place, scheme }: WeightJob): QuantizedWeight {
  const dims = [rows, columns];
  const tensor =
    'path' in place
      ? new FileTensor('float32', dims, place.path, place.offset)
      : new MemoryTensor('float32', dims, place.bytes);
  try {
    return quantizeWeight(matrix(float32Of(tensor), rows, columns), scheme);
  } catch (error) {
    if (!(error instanceof QuernError)) throw error;
    throw new QuernError(error.code, `${name}: ${error.message}`, { cause: error });
  }
}
