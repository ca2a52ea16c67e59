import { join } from 'node:path';
import type { Checkpoint } from '../../checkpoints/checkpoint.js';
import { openSafetensors } from '../../checkpoints/safetensors.js';
import { readTensorFloat32 } from '../../checkpoints/tensor-data.js';
import { QuernError } from '../../errors.js';
import type { LinearLayer } from '../../models/linear-layers.js';

/** The largest magnitudes in a `stats` artifact. */
export function openAbsmax(directory: string): Checkpoint {
  return openSafetensors(join(directory, 'absmax.safetensors'));
}

/** The largest magnitudes that calibration saw in the channels of a layer's input. */
export function activationAbsmax(statistics: Checkpoint, { name, inputFeatures }: LinearLayer): Float32Array {
  const tensor = statistics.tensors.get(name);
  if (tensor?.dims.length === 1 && tensor.dims[0] === inputFeatures) return readTensorFloat32(tensor);
  throw new QuernError('stage', `the statistics have no absmax of ${inputFeatures} channels for ${name}`, {
    suggestion: 'calibrate this model, collecting absmax',
  });
}
