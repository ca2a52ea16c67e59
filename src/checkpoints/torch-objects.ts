import type { DataType } from './checkpoint.js';
import { PickleObject } from './pickle-values.js';

/** A run of bytes that tensors share, as `torch.UntypedStorage`. */
export class TorchStorage extends PickleObject {
  readonly pythonName = 'torch.UntypedStorage';

  constructor(
    readonly key: string,
    /** `undefined` where the tensors say it. */
    readonly dataType: DataType | undefined,
    readonly byteLength: number,
  ) {
    super();
  }
}

/** A tensor as its pickle describes it: a view of a storage, all numbers in elements. Nothing about it is checked yet. */
export class TorchTensor extends PickleObject {
  readonly pythonName = 'torch.Tensor';

  constructor(
    readonly storage: TorchStorage,
    readonly dataType: DataType,
    readonly storageOffset: number,
    readonly dims: readonly number[],
    readonly strides: readonly number[],
  ) {
    super();
  }
}

/** `torch.FloatStorage` and its like, or the untyped one. */
export class TorchStorageType extends PickleObject {
  constructor(
    readonly pythonName: string,
    readonly dataType: DataType | undefined,
  ) {
    super();
  }
}

/** `torch.float16` and its like. */
export class TorchDataType extends PickleObject {
  constructor(
    readonly pythonName: string,
    readonly dataType: DataType,
  ) {
    super();
  }
}

/** A function or class that a checkpoint may call. What it does is done by the reader, not by Python's code. */
export class TorchCallable extends PickleObject {
  constructor(readonly pythonName: string) {
    super();
  }
}

/** A value that is carried along and used for nothing, such as `torch.device('cpu')`. */
export class Unused extends PickleObject {
  constructor(readonly pythonName: string) {
    super();
  }
}
