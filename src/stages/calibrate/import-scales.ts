import type { Checkpoint } from '../../checkpoints/checkpoint.js';
import { openWeightFile } from '../../checkpoints/open-checkpoint.js';
import type { TensorToWrite } from '../../checkpoints/safetensors-writer.js';
import { readTensorFloat32 } from '../../checkpoints/tensor-data.js';
import { QuernError } from '../../errors.js';
import type { LinearLayer } from '../../models/linear-layers.js';
import { nearest } from '../../nearest.js';
import type { SourceFile } from '../kind.js';

/** Largest magnitudes of the inputs of linear layers that another program has measured. */
export interface ImportedScales {
  /** One for each linear layer that the file has: float32 [input features]. */
  readonly tensors: readonly TensorToWrite[];
  /** Entries of the file that are no linear layers of the model. */
  readonly surplus: readonly string[];
}

const shownNames = 3;

/**
 * Reads `act_scales` as AMD and the authors of SmoothQuant publish them: a file of torch.save, or safetensors, with a vector
 * of largest magnitudes for the path of each module. The head may be missing, because it is never smoothed.
 * @throws QuernError (`input`) for layers that are missing, and for sizes and values that can't be those of the model
 */
export function importScales({ name, path }: SourceFile, layers: readonly LinearLayer[]): ImportedScales {
  const file = openWeightFile(path, name);
  if (file === undefined) {
    throw new QuernError('input', `${name} is not a file with activation scales`, {
      suggestion: 'import a .pt file of torch.save, or .safetensors',
    });
  }
  const missing = layers.filter((layer) => !layer.isHead && !file.tensors.has(layer.name)).map((layer) => layer.name);
  if (missing.length > 0) throw missingLayers(name, missing, [...file.tensors.keys()]);
  const known = new Set(layers.map((layer) => layer.name));
  return {
    tensors: layers.filter((layer) => file.tensors.has(layer.name)).map((layer) => scalesOf(file, layer, name)),
    surplus: [...file.tensors.keys()].filter((entry) => !known.has(entry)),
  };
}

function missingLayers(file: string, missing: readonly string[], entries: readonly string[]): QuernError {
  const more = missing.length > shownNames ? ` and ${missing.length - shownNames} more` : '';
  const near = nearest(missing[0]!, entries) ?? entries[0];
  return new QuernError('input', `${file} lacks the layers ${missing.slice(0, shownNames).join(', ')}${more}`, {
    suggestion: `it has ${entries.length} entries, called like ${near}: is it for another model?`,
  });
}

function scalesOf({ tensors }: Checkpoint, { name, inputFeatures }: LinearLayer, file: string): TensorToWrite {
  const tensor = tensors.get(name)!;
  if (tensor.dims.length !== 1 || tensor.dims[0] !== inputFeatures) {
    throw new QuernError('input', `${file}: ${name} is [${tensor.dims.join(', ')}], not [${inputFeatures}]`, {
      suggestion: 'is the file for another model?',
    });
  }
  const data = readTensorFloat32(tensor);
  const wrong = data.findIndex((value) => !(value >= 0 && Number.isFinite(value)));
  if (wrong === -1) return { name, dataType: 'float32', dims: [inputFeatures], data };
  throw new QuernError('input', `${file}: ${name} has ${data[wrong]} at ${wrong}, which is no largest magnitude`);
}
