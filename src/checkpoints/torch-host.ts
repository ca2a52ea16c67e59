import { QuernError } from '../errors.js';
import { quote } from '../files/quote.js';
import { elementBits } from './checkpoint.js';
import {
  PickleDict,
  type PickleHost,
  PickleList,
  type PickleObject,
  PickleTuple,
  type PickleValue,
} from './pickle-values.js';
import { allowedGlobals, callables } from './torch-globals.js';
import { TorchDataType, TorchStorage, TorchStorageType, TorchTensor, Unused } from './torch-objects.js';

function isCount(value: PickleValue | undefined): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}

/** Gives the names in a checkpoint of PyTorch their meaning: tensors and storages, described and not read. */
export class TorchHost implements PickleHost {
  readonly #path: string;
  readonly #storages = new Map<string, TorchStorage>();

  /** `path` names the file in messages. */
  constructor(path: string) {
    this.#path = path;
  }

  /** All storages that the pickle refers to, by key. */
  get storages(): ReadonlyMap<string, TorchStorage> {
    return this.#storages;
  }

  global(module: string, name: string): PickleObject {
    const fullName = `${module}.${name}`;
    const object = allowedGlobals.get(fullName);
    if (object !== undefined) return object;
    throw new QuernError('input', `${this.#path}: ${quote(fullName)} is not allowed: this file would run code`, {
      suggestion: 'only tensors are read: save them with torch.save(model.state_dict(), path) or as safetensors',
    });
  }

  call(callable: PickleObject, args: readonly PickleValue[]): PickleValue {
    switch (callable) {
      case callables.orderedDict:
        return this.#orderedDict(args);
      case callables.tensor:
        return this.#tensor(args, false);
      case callables.typedTensor:
        return this.#tensor(args, true);
      case callables.parameter:
        if (args[0] instanceof TorchTensor) return args[0];
        break;
      case callables.size:
        if (args[0] instanceof PickleTuple) return args[0];
        break;
      case callables.device:
        return new Unused('torch.device');
    }
    throw this.#wrong(`calls ${callable.pythonName} with something unexpected`);
  }

  /** `('storage', type, key, location, element count)`, and before PyTorch 1.6 a sixth value for views of storages. */
  persistent(id: PickleValue): PickleValue {
    const items = id instanceof PickleTuple ? id.items : [];
    const [word, type, key, , count, viewMetadata] = items;
    const isExpected = word === 'storage' && type instanceof TorchStorageType && typeof key === 'string';
    if (!isExpected || !isCount(count)) throw this.#wrong('refers to something outside of it that is not a storage');
    if (viewMetadata !== undefined && viewMetadata !== null) {
      throw this.#wrong('has views of storages, as PyTorch before 0.4 wrote them');
    }
    const byteLength = type.dataType === undefined ? count : (count * elementBits[type.dataType]) / 8;
    const known = this.#storages.get(key);
    if (known === undefined) {
      const storage = new TorchStorage(key, type.dataType, byteLength);
      this.#storages.set(key, storage);
      return storage;
    }
    if (known.dataType === type.dataType && known.byteLength === byteLength) return known;
    throw this.#wrong(`describes storage ${quote(key)} in two ways`);
  }

  #orderedDict(args: readonly PickleValue[]): PickleDict {
    const dict = new PickleDict();
    const [pairs] = args;
    if (pairs === undefined) return dict;
    if (!(pairs instanceof PickleList)) throw this.#wrong('makes a dictionary of something unexpected');
    for (const pair of pairs.items) {
      const [key, value] = pair instanceof PickleTuple || pair instanceof PickleList ? pair.items : [];
      if (key === undefined || value === undefined) throw this.#wrong('makes a dictionary of something unexpected');
      dict.entries.push([key, value]);
    }
    return dict;
  }

  /** `(storage, offset, size, stride, requires_grad, hooks)`, and for types without a storage of their own the dtype. */
  #tensor(args: readonly PickleValue[], typed: boolean): TorchTensor {
    const [storage, offset, size, stride, , , dtype] = args;
    if (!(storage instanceof TorchStorage)) throw this.#wrong('has a tensor without a storage');
    const dataType = typed && dtype instanceof TorchDataType ? dtype.dataType : storage.dataType;
    if (dataType === undefined) throw this.#wrong('has a tensor without a data type');
    const dims = this.#counts(size);
    const strides = this.#counts(stride);
    if (!isCount(offset) || dims.length !== strides.length) throw this.#wrong('has a tensor of an impossible shape');
    return new TorchTensor(storage, dataType, offset, dims, strides);
  }

  #counts(value: PickleValue | undefined): readonly number[] {
    if (value instanceof PickleTuple && value.items.every(isCount)) return value.items;
    throw this.#wrong('has a tensor of an impossible shape');
  }

  #wrong(problem: string): QuernError {
    return new QuernError('input', `${this.#path}: the pickle ${problem}`, {
      suggestion: 'save the weights with torch.save(model.state_dict(), path) of a recent PyTorch or as safetensors',
    });
  }
}
