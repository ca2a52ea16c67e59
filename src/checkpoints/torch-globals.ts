import type { DataType } from './checkpoint.js';
import type { PickleObject } from './pickle-values.js';
import { TorchCallable, TorchDataType, TorchStorageType } from './torch-objects.js';

const storageTypes: { readonly [name: string]: DataType } = {
  DoubleStorage: 'float64',
  FloatStorage: 'float32',
  HalfStorage: 'float16',
  BFloat16Storage: 'bfloat16',
  LongStorage: 'int64',
  IntStorage: 'int32',
  ShortStorage: 'int16',
  CharStorage: 'int8',
  ByteStorage: 'uint8',
  BoolStorage: 'bool',
  ComplexFloatStorage: 'complex64',
};

const dataTypes: { readonly [name: string]: DataType } = {
  float64: 'float64',
  float32: 'float32',
  float16: 'float16',
  bfloat16: 'bfloat16',
  float8_e4m3fn: 'float8_e4m3',
  float8_e4m3fnuz: 'float8_e4m3fnuz',
  float8_e5m2: 'float8_e5m2',
  float8_e5m2fnuz: 'float8_e5m2fnuz',
  float8_e8m0fnu: 'float8_e8m0',
  complex64: 'complex64',
  int64: 'int64',
  int32: 'int32',
  int16: 'int16',
  int8: 'int8',
  uint64: 'uint64',
  uint32: 'uint32',
  uint16: 'uint16',
  uint8: 'uint8',
  bool: 'bool',
};

export const callables = {
  orderedDict: new TorchCallable('collections.OrderedDict'),
  tensor: new TorchCallable('torch._utils._rebuild_tensor_v2'),
  typedTensor: new TorchCallable('torch._utils._rebuild_tensor_v3'),
  parameter: new TorchCallable('torch._utils._rebuild_parameter'),
  size: new TorchCallable('torch.Size'),
  device: new TorchCallable('torch.device'),
} as const;

/** Everything that a checkpoint may name, by its full name in Python. This is the only list of it. */
export const allowedGlobals: ReadonlyMap<string, PickleObject> = new Map(
  [
    ...Object.values(callables),
    ...Object.entries(storageTypes).map(([name, type]) => new TorchStorageType(`torch.${name}`, type)),
    new TorchStorageType('torch.storage.UntypedStorage', undefined),
    new TorchStorageType('torch.UntypedStorage', undefined),
    ...Object.entries(dataTypes).map(([name, type]) => new TorchDataType(`torch.${name}`, type)),
  ].map((object): [string, PickleObject] => [object.pythonName, object]),
);
