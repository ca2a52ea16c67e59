import { QuernError } from '../../errors.js';
import type { LinearLayer } from '../../models/linear-layers.js';
import { canBeResident, withResidentMatrix } from '../../numerics/kernels/resident.js';
import { giveScratch, takeScratch } from '../../numerics/scratch.js';
import { FileTensor, float32Of, MemoryTensor } from '../../onnx/tensor.js';
import { ownModule } from '../../own-files.js';
import { type Matrix, matrix } from '../../quant/matrix.js';
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
export const weightJobModule = ownModule('stages/quantize/weight-job');

export function weightJob({ name, tensor, inputFeatures, outputFeatures }: LinearLayer, scheme: Scheme): WeightJob {
  const place = tensor instanceof FileTensor ? { path: tensor.path, offset: tensor.offset } : { bytes: tensor.bytes() };
  return { name, rows: inputFeatures, columns: outputFeatures, place, scheme };
}

/** @throws QuernError with the name of the layer */
export function run(job: WeightJob): QuantizedWeight {
  try {
    return withWeight(job, (weight) => quantizeWeight(weight, job.scheme));
  } catch (error) {
    if (!(error instanceof QuernError)) throw error;
    throw new QuernError(error.code, `${job.name}: ${error.message}`, { cause: error });
  }
}

function withWeight<Result>({ rows, columns, place }: WeightJob, use: (weight: Matrix) => Result): Result {
  if ('bytes' in place) {
    return use(matrix(float32Of(new MemoryTensor('float32', [rows, columns], place.bytes)), rows, columns));
  }
  const tensor = new FileTensor('float32', [rows, columns], place.path, place.offset);
  if (canBeResident(rows, columns)) {
    return withResidentMatrix(rows, columns, (resident) => {
      tensor.readInto(bytesOf(resident.values));
      return use(resident);
    });
  }
  const scratch = takeScratch(rows * columns);
  try {
    tensor.readInto(bytesOf(scratch));
    return use(matrix(scratch, rows, columns));
  } finally {
    giveScratch(scratch);
  }
}

function bytesOf({ buffer, byteOffset, byteLength }: Float32Array): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}
