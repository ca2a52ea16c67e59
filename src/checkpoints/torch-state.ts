import { QuernError } from '../errors.js';
import { quote } from '../files/quote.js';
import type { Checkpoint, CheckpointTensor } from './checkpoint.js';
import { elementBits, elementCount } from './checkpoint.js';
import { PickleDict, type PickleValue } from './pickle-values.js';
import { elementSpan, isRowMajor } from './strided-view.js';
import { type TorchStorage, TorchTensor } from './torch-objects.js';

/** Where the bytes of a storage are in the file. */
export type LocateStorage = (storage: TorchStorage) => number;

/** Makes something of what a file of PyTorch holds. */
export type InterpretTorch<Result> = (value: PickleValue, path: string, locate: LocateStorage) => Result;

/** Under which trainers put the weights when they save more than those. */
const wrappers = ['state_dict', 'model_state_dict', 'model'];

function isNamedTensor(entry: readonly [PickleValue, PickleValue]): entry is readonly [string, TorchTensor] {
  return typeof entry[0] === 'string' && entry[1] instanceof TorchTensor;
}

/** The dictionary of tensors: the whole of the file or the part of it that is known to hold the weights. */
function findTensors(value: PickleValue, path: string): (readonly [string, TorchTensor])[] {
  if (value instanceof PickleDict) {
    const tensors = value.entries.filter(isNamedTensor);
    if (tensors.length > 0) return tensors;
    for (const wrapper of wrappers) {
      const inner = value.entries.find(([key]) => key === wrapper)?.[1];
      const found = inner instanceof PickleDict ? inner.entries.filter(isNamedTensor) : [];
      if (found.length > 0) return found;
    }
  }
  throw new QuernError('input', `${path} holds no dictionary of tensors`, {
    suggestion: 'save the weights with torch.save(model.state_dict(), path)',
  });
}

/**
 * A tensor of the file under a name.
 * @throws QuernError if its elements are not where it says
 */
export function describeTensor(
  name: string,
  tensor: TorchTensor,
  path: string,
  locate: LocateStorage,
): CheckpointTensor {
  const { storage, dataType, storageOffset, dims, strides } = tensor;
  const wrong = (problem: string): QuernError =>
    new QuernError('input', `${path}: tensor ${quote(name)} ${problem}`, {
      suggestion: 'save the weights as safetensors or with torch.save of a recent PyTorch',
    });
  const elementBytes = elementBits[dataType] / 8;
  const count = elementCount(dims);
  const view = { dims, strides };
  const span = elementSpan(view);
  const first = storageOffset * elementBytes;
  const byteLength = span * elementBytes;
  if (count === undefined || !Number.isSafeInteger(first + byteLength) || first + byteLength > storage.byteLength) {
    throw wrong(`of shape ${quote(dims)} and strides ${quote(strides)} goes beyond its storage`);
  }
  if (count > span) {
    throw wrong(`of shape ${quote(dims)} and strides ${quote(strides)} has elements that share their place`);
  }
  const described = { name, dataType, dims, path, offset: locate(storage) + first, byteLength };
  return isRowMajor(view) ? described : { ...described, view };
}

/** The tensors of what a file of PyTorch holds. Other values in it (step counts, settings) are left out. */
export function readStateDict(value: PickleValue, path: string, locate: LocateStorage): Checkpoint {
  const tensors = new Map<string, CheckpointTensor>();
  for (const [name, tensor] of findTensors(value, path)) {
    if (tensors.has(name)) throw new QuernError('input', `${path} has tensor ${quote(name)} twice`);
    tensors.set(name, describeTensor(name, tensor, path, locate));
  }
  return { tensors, metadata: new Map() };
}
