import type * as Koffi from 'koffi';
import { QuernError } from '../errors.js';
import { checkVersion, runtimeLibraryPath } from './runtime-library.js';

/** Address of a C object. */
export type Pointer = bigint;
/** An `OrtStatus *`: null when the call succeeded. */
export type Status = Pointer | null;
/** Receives a value from a C function. */
export type Out<T> = [T];
export type PointerOut = Out<Pointer | null>;

/**
 * The functions in use of ONNX Runtime's C API, named as in onnxruntime_c_api.h. Pointers to elements are typed arrays
 * over a buffer of their own.
 */
export interface CFunctions {
  readonly GetErrorMessage: (status: Pointer) => string;
  readonly ReleaseStatus: (status: Pointer) => void;

  readonly CreateThreadingOptions: (out: PointerOut) => Status;
  readonly SetGlobalIntraOpNumThreads: (options: Pointer, threads: number) => Status;
  readonly SetGlobalInterOpNumThreads: (options: Pointer, threads: number) => Status;
  readonly SetGlobalSpinControl: (options: Pointer, allow: number) => Status;
  readonly ReleaseThreadingOptions: (options: Pointer) => void;
  readonly CreateEnvWithGlobalThreadPools: (
    logLevel: number,
    logId: string,
    threading: Pointer,
    out: PointerOut,
  ) => Status;
  readonly ReleaseEnv: (env: Pointer) => void;

  readonly CreateSessionOptions: (out: PointerOut) => Status;
  readonly SetSessionGraphOptimizationLevel: (options: Pointer, level: number) => Status;
  readonly DisablePerSessionThreads: (options: Pointer) => Status;
  readonly DisableMemPattern: (options: Pointer) => Status;
  readonly DisableCpuMemArena: (options: Pointer) => Status;
  readonly AddSessionConfigEntry: (options: Pointer, key: string, value: string) => Status;
  readonly EnableProfiling: (options: Pointer, prefix: string) => Status;
  readonly ReleaseSessionOptions: (options: Pointer) => void;

  readonly CreateSession: (env: Pointer, path: string, options: Pointer, out: PointerOut) => Status;
  readonly CreateSessionFromArray: (
    env: Pointer,
    bytes: Uint8Array,
    sizeBytes: number,
    options: Pointer,
    out: PointerOut,
  ) => Status;
  readonly SessionGetInputCount: (session: Pointer, out: Out<number>) => Status;
  readonly SessionGetOutputCount: (session: Pointer, out: Out<number>) => Status;
  readonly SessionGetInputName: (session: Pointer, index: number, allocator: Pointer, out: PointerOut) => Status;
  readonly SessionGetOutputName: (session: Pointer, index: number, allocator: Pointer, out: PointerOut) => Status;
  readonly SessionGetInputTypeInfo: (session: Pointer, index: number, out: PointerOut) => Status;
  readonly SessionGetOutputTypeInfo: (session: Pointer, index: number, out: PointerOut) => Status;
  readonly Run: (
    session: Pointer,
    runOptions: null,
    inputNames: readonly string[],
    inputs: readonly Pointer[],
    inputCount: number,
    outputNames: readonly string[],
    outputCount: number,
    outputs: BigUint64Array,
  ) => Status;
  readonly ReleaseSession: (session: Pointer) => void;

  /** Borrows the tensor part of a type: null when it is a sequence, map or optional. */
  readonly CastTypeInfoToTensorInfo: (typeInfo: Pointer, out: PointerOut) => Status;
  readonly ReleaseTypeInfo: (typeInfo: Pointer) => void;
  readonly GetTensorTypeAndShape: (value: Pointer, out: PointerOut) => Status;
  readonly GetTensorElementType: (tensorInfo: Pointer, out: Out<number>) => Status;
  readonly GetDimensionsCount: (tensorInfo: Pointer, out: Out<number>) => Status;
  readonly GetDimensions: (tensorInfo: Pointer, dims: BigInt64Array, count: number) => Status;
  readonly GetSymbolicDimensions: (tensorInfo: Pointer, names: BigUint64Array, count: number) => Status;
  readonly ReleaseTensorTypeAndShapeInfo: (tensorInfo: Pointer) => void;

  readonly CreateCpuMemoryInfo: (allocatorType: number, memoryType: number, out: PointerOut) => Status;
  readonly ReleaseMemoryInfo: (memoryInfo: Pointer) => void;
  readonly GetAllocatorWithDefaultOptions: (out: PointerOut) => Status;
  readonly AllocatorFree: (allocator: Pointer, memory: Pointer) => Status;

  readonly CreateTensorWithDataAsOrtValue: (
    memoryInfo: Pointer,
    data: Pointer,
    sizeBytes: number,
    dims: BigInt64Array,
    rank: number,
    elementType: number,
    out: PointerOut,
  ) => Status;
  readonly GetTensorMutableData: (value: Pointer, out: PointerOut) => Status;
  readonly ReleaseValue: (value: Pointer) => void;

  readonly CreateIoBinding: (session: Pointer, out: PointerOut) => Status;
  readonly BindInput: (binding: Pointer, name: string, value: Pointer) => Status;
  readonly BindOutput: (binding: Pointer, name: string, value: Pointer) => Status;
  readonly RunWithBinding: (session: Pointer, runOptions: null, binding: Pointer) => Status;
  readonly ReleaseIoBinding: (binding: Pointer) => void;

  /** Appends a provider that is part of the library, by its short name. */
  readonly SessionOptionsAppendExecutionProvider: (
    options: Pointer,
    name: string,
    keys: readonly string[],
    values: readonly string[],
    count: number,
  ) => Status;
  readonly CreateCUDAProviderOptions: (out: PointerOut) => Status;
  readonly UpdateCUDAProviderOptions: (
    cuda: Pointer,
    keys: readonly string[],
    values: readonly string[],
    count: number,
  ) => Status;
  readonly SessionOptionsAppendExecutionProvider_CUDA_V2: (options: Pointer, cuda: Pointer) => Status;
  readonly ReleaseCUDAProviderOptions: (cuda: Pointer) => void;
  readonly RegisterExecutionProviderLibrary: (env: Pointer, name: string, path: string) => Status;
  readonly UnregisterExecutionProviderLibrary: (env: Pointer, name: string) => Status;
  /** The array belongs to the environment, and is another one after each registration. */
  readonly GetEpDevices: (env: Pointer, devices: PointerOut, count: Out<number>) => Status;
  readonly SessionOptionsAppendExecutionProvider_V2: (
    options: Pointer,
    env: Pointer,
    devices: readonly Pointer[],
    deviceCount: number,
    keys: readonly string[],
    values: readonly string[],
    count: number,
  ) => Status;
  readonly EpDevice_EpName: (device: Pointer) => string;
  readonly EpDevice_Device: (device: Pointer) => Pointer;
  readonly HardwareDevice_Type: (hardware: Pointer) => number;
}

/** The C API and the ways of looking at memory that its callers need. */
export interface CApi {
  readonly version: string;
  /** Unloaded when it is collected, so it has to be referenced for as long as a function is. */
  readonly library: Koffi.LibraryHandle;
  readonly functions: CFunctions;
  /** Address of the first byte of a buffer of JavaScript's. It stays there as long as the buffer is referenced. */
  readonly addressOf: (buffer: ArrayBufferLike) => Pointer;
  /** Copies bytes out of C memory. */
  readonly copyBytes: (address: Pointer, sizeBytes: number) => Uint8Array<ArrayBuffer>;
  readonly readString: (address: Pointer) => string;
  /** Reads an array of pointers out of C memory. */
  readonly readPointers: (address: Pointer, count: number) => readonly Pointer[];
}

type CType = string | Koffi.TypeObject | ReturnType<typeof Koffi.out>;

/** The version of the function table. Functions are only ever added at its end. */
const apiVersion = 30;

/** Opens the library and its function table. Throws a `QuernError` where that is not possible on this machine. */
export async function loadCApi(): Promise<CApi> {
  const koffi = await importKoffi();
  const library = loadLibrary(koffi, runtimeLibraryPath());
  const base: Pointer = library.func('OrtGetApiBase', 'void *', [])();
  const [getApiAddress, getVersionAddress]: readonly Pointer[] = koffi.decode(base, koffi.array('void *', 2));
  const version: string = koffi.call(getVersionAddress, koffi.proto('str', []));
  checkVersion(version);
  const table: Pointer | null = koffi.call(getApiAddress, koffi.proto('void *', ['uint32_t']), apiVersion);
  if (table === null) throw new QuernError('engine', `ONNX Runtime ${version} has no C API of version ${apiVersion}`);
  return {
    version,
    library,
    functions: readFunctions(koffi, table),
    addressOf: (buffer) => koffi.address(new Uint8Array(buffer)),
    copyBytes: (address, sizeBytes) => koffi.decode(address, 'uint8_t', sizeBytes),
    readString: (address) => koffi.decode.string(address),
    readPointers: (address, count) => koffi.decode(address, koffi.array('void *', count)),
  };
}

async function importKoffi(): Promise<typeof Koffi> {
  try {
    return await import('koffi');
  } catch (error) {
    throw new QuernError('engine', 'the foreign function package koffi does not load on this machine', {
      cause: error,
    });
  }
}

function loadLibrary(koffi: typeof Koffi, path: string): Koffi.LibraryHandle {
  try {
    return koffi.load(path);
  } catch (error) {
    throw new QuernError('engine', `the ONNX Runtime library ${path} can't be loaded`, { cause: error });
  }
}

/** Reads the functions out of the table. A slot is the place of a member in `struct OrtApi`; places never change. */
function readFunctions(koffi: typeof Koffi, table: Pointer): CFunctions {
  const out = koffi.out(koffi.pointer('void *'));
  const sizeOut = koffi.out(koffi.pointer('size_t'));
  const intOut = koffi.out(koffi.pointer('int'));
  const strings = koffi.pointer('str');
  const pointers = koffi.pointer('void *');
  const path = process.platform === 'win32' ? 'str16' : 'str';
  const at = (slot: number, result: CType, ...parameters: CType[]) =>
    koffi.decode(koffi.decode(table, slot * koffi.sizeof('void *'), 'void *'), koffi.proto(result, parameters));
  const call = (slot: number, ...parameters: CType[]) => at(slot, 'void *', ...parameters);
  const release = (slot: number) => at(slot, 'void', 'void *');
  return {
    GetErrorMessage: at(2, 'str', 'void *'),
    ReleaseStatus: release(93),

    CreateThreadingOptions: call(121, out),
    SetGlobalIntraOpNumThreads: call(147, 'void *', 'int'),
    SetGlobalInterOpNumThreads: call(148, 'void *', 'int'),
    SetGlobalSpinControl: call(149, 'void *', 'int'),
    ReleaseThreadingOptions: release(122),
    CreateEnvWithGlobalThreadPools: call(119, 'int', 'str', 'void *', out),
    ReleaseEnv: release(92),

    CreateSessionOptions: call(10, out),
    SetSessionGraphOptimizationLevel: call(23, 'void *', 'int'),
    DisablePerSessionThreads: call(120, 'void *'),
    DisableMemPattern: call(17, 'void *'),
    DisableCpuMemArena: call(19, 'void *'),
    AddSessionConfigEntry: call(130, 'void *', 'str', 'str'),
    EnableProfiling: call(14, 'void *', path),
    ReleaseSessionOptions: release(100),

    CreateSession: call(7, 'void *', path, 'void *', out),
    CreateSessionFromArray: call(8, 'void *', 'void *', 'size_t', 'void *', out),
    SessionGetInputCount: call(30, 'void *', sizeOut),
    SessionGetOutputCount: call(31, 'void *', sizeOut),
    SessionGetInputTypeInfo: call(33, 'void *', 'size_t', out),
    SessionGetOutputTypeInfo: call(34, 'void *', 'size_t', out),
    SessionGetInputName: call(36, 'void *', 'size_t', 'void *', out),
    SessionGetOutputName: call(37, 'void *', 'size_t', 'void *', out),
    Run: call(9, 'void *', 'void *', strings, pointers, 'size_t', strings, 'size_t', 'void *'),
    ReleaseSession: release(95),

    CastTypeInfoToTensorInfo: call(55, 'void *', out),
    ReleaseTypeInfo: release(98),
    GetTensorTypeAndShape: call(65, 'void *', out),
    GetTensorElementType: call(60, 'void *', intOut),
    GetDimensionsCount: call(61, 'void *', sizeOut),
    GetDimensions: call(62, 'void *', 'void *', 'size_t'),
    GetSymbolicDimensions: call(63, 'void *', 'void *', 'size_t'),
    ReleaseTensorTypeAndShapeInfo: release(99),

    CreateCpuMemoryInfo: call(69, 'int', 'int', out),
    ReleaseMemoryInfo: release(94),
    GetAllocatorWithDefaultOptions: call(78, out),
    AllocatorFree: call(76, 'void *', 'void *'),

    CreateTensorWithDataAsOrtValue: call(49, 'void *', 'void *', 'size_t', 'void *', 'size_t', 'int', out),
    GetTensorMutableData: call(51, 'void *', out),
    ReleaseValue: release(96),

    CreateIoBinding: call(134, 'void *', out),
    BindInput: call(136, 'void *', 'str', 'void *'),
    BindOutput: call(137, 'void *', 'str', 'void *'),
    RunWithBinding: call(133, 'void *', 'void *', 'void *'),
    ReleaseIoBinding: release(135),

    SessionOptionsAppendExecutionProvider: call(216, 'void *', 'str', strings, strings, 'size_t'),
    CreateCUDAProviderOptions: call(205, out),
    UpdateCUDAProviderOptions: call(206, 'void *', strings, strings, 'size_t'),
    SessionOptionsAppendExecutionProvider_CUDA_V2: call(204, 'void *', 'void *'),
    ReleaseCUDAProviderOptions: release(208),
    RegisterExecutionProviderLibrary: call(301, 'void *', 'str', path),
    UnregisterExecutionProviderLibrary: call(302, 'void *', 'str'),
    GetEpDevices: call(303, 'void *', out, sizeOut),
    SessionOptionsAppendExecutionProvider_V2: call(
      304,
      'void *',
      'void *',
      pointers,
      'size_t',
      strings,
      strings,
      'size_t',
    ),
    EpDevice_EpName: at(312, 'str', 'void *'),
    EpDevice_Device: at(316, 'void *', 'void *'),
    HardwareDevice_Type: at(307, 'int', 'void *'),
  };
}
