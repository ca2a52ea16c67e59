import { basename, dirname, extname } from 'node:path';
import { QuernError } from '../errors.js';
import type { Checkpoint } from './checkpoint.js';
import { findWeightFiles } from './checkpoint-files.js';
import { openGgufModel } from './gguf-model.js';
import { openSafetensors } from './safetensors.js';
import { openTorch } from './torch.js';
import { openWeightIndex } from './weight-index.js';

const openers = {
  safetensors: openSafetensors,
  torch: openTorch,
  gguf: (path: string): Checkpoint => openGgufModel(path).checkpoint,
} as const;

/** Opens the weights among the files of a model: the index of a sharded checkpoint where there is one, else the single file. */
export function openCheckpoint(files: readonly string[]): Checkpoint {
  const found = findWeightFiles(
    files.map((path) => basename(path)),
    'auto',
  );
  const main = files.find((path) => basename(path) === found?.main);
  if (found !== undefined && found.format !== 'onnx' && main !== undefined) {
    const open = openers[found.format];
    return main.endsWith('.json') ? openWeightIndex(main, files, open) : open(main);
  }
  const where = files[0] === undefined ? 'the checkpoint' : dirname(files[0]);
  throw new QuernError('input', `${where} has no model.safetensors, pytorch_model.bin or GGUF file`, {
    suggestion: 'save the weights as safetensors: model.save_pretrained(directory)',
  });
}

const extensions: { readonly [extension: string]: keyof typeof openers } = {
  '.safetensors': 'safetensors',
  '.bin': 'torch',
  '.pt': 'torch',
  '.pth': 'torch',
  '.gguf': 'gguf',
};

/** Opens one file with weights, whatever its name is before the extension; `undefined` for another extension. */
export function openWeightFile(path: string, name: string = path): Checkpoint | undefined {
  const format = extensions[extname(name).toLowerCase()];
  return format === undefined ? undefined : openers[format](path);
}
