import { basename, dirname } from 'node:path';
import { QuernError } from '../errors.js';
import type { Checkpoint } from './checkpoint.js';
import { openSafetensors } from './safetensors.js';
import { openSafetensorsIndex } from './safetensors-index.js';

/** Opens the weights among the files of a model: the index of a sharded checkpoint where there is one, else the single file. */
export function openCheckpoint(files: readonly string[]): Checkpoint {
  const index = files.find((path) => basename(path) === 'model.safetensors.index.json');
  if (index !== undefined) return openSafetensorsIndex(index);
  const single = files.find((path) => basename(path) === 'model.safetensors');
  if (single !== undefined) return openSafetensors(single);
  const where = files[0] === undefined ? 'the checkpoint' : dirname(files[0]);
  throw new QuernError('input', `${where} has no model.safetensors`, {
    suggestion: 'save the weights as safetensors: model.save_pretrained(directory)',
  });
}
