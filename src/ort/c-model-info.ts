import type { Environment } from './c-environment.js';
import type { CApi, Pointer, PointerOut, Status } from './c-functions.js';
import { check, create, read } from './c-status.js';
import { readDimensionNames, readShape } from './c-tensor.js';
import type { TensorInfo } from './engine.js';
import { tensorInfoOf } from './tensor-info.js';

const failure = "the inputs and outputs of the model can't be read";

/** Reads and checks the inputs or outputs of a session. */
export function readInfos(
  api: CApi,
  { allocator }: Environment,
  session: Pointer,
  kind: 'input' | 'output',
): readonly TensorInfo[] {
  const { functions } = api;
  const [getCount, getName, getType] =
    kind === 'input'
      ? [functions.SessionGetInputCount, functions.SessionGetInputName, functions.SessionGetInputTypeInfo]
      : [functions.SessionGetOutputCount, functions.SessionGetOutputName, functions.SessionGetOutputTypeInfo];
  const count = read(api, failure, (out) => getCount(session, out));
  return Array.from({ length: count }, (_, index) => {
    const nameAddress = create(api, failure, (out) => getName(session, index, allocator, out));
    const name = api.readString(nameAddress);
    check(api, failure, functions.AllocatorFree(allocator, nameAddress));
    return readInfo(api, kind, name, (out) => getType(session, index, out));
  });
}

function readInfo(api: CApi, kind: 'input' | 'output', name: string, getType: (out: PointerOut) => Status): TensorInfo {
  const { functions } = api;
  const typeInfo = create(api, failure, getType);
  try {
    const borrowed: PointerOut = [null];
    check(api, failure, functions.CastTypeInfoToTensorInfo(typeInfo, borrowed));
    if (borrowed[0] === null) return tensorInfoOf(kind, name, undefined);
    const { code, dims } = readShape(api, borrowed[0]);
    return tensorInfoOf(kind, name, { code, dims, names: readDimensionNames(api, borrowed[0], dims.length) });
  } finally {
    functions.ReleaseTypeInfo(typeInfo);
  }
}
