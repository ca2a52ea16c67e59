import { QuernError } from '../errors.js';
import type { Environment } from './c-environment.js';
import type { CApi, Out, Pointer, PointerOut, Status } from './c-functions.js';
import { check, create } from './c-status.js';
import type {
  BuiltInProvider,
  BuiltInProviderRequest,
  ExecutionProvider,
  HardwareType,
  ProviderLibrary,
  ProviderRequest,
} from './execution-provider.js';

/** What ONNX Runtime calls its providers when they are appended by name, and when they are listed with their devices. */
const builtInNames: { readonly [P in BuiltInProvider]: { readonly short: string; readonly listed: string } } = {
  webgpu: { short: 'WebGPU', listed: 'WebGpuExecutionProvider' },
  qnn: { short: 'QNN', listed: 'QNNExecutionProvider' },
  coreml: { short: 'CoreML', listed: 'CoreMLExecutionProvider' },
  dml: { short: 'DML', listed: 'DmlExecutionProvider' },
  cuda: { short: 'CUDA', listed: 'CUDAExecutionProvider' },
};

/** `OrtHardwareDeviceType` by value. */
const hardwareByCode: readonly HardwareType[] = ['cpu', 'gpu', 'npu'];
const hardwarePreference: readonly HardwareType[] = ['npu', 'gpu', 'cpu'];

/** A provider with what it takes to append it to the options of a session. */
export class CProvider implements ExecutionProvider {
  readonly #append: (settings: Pointer) => Status;

  constructor(
    readonly name: string,
    readonly request: ProviderRequest,
    append: (settings: Pointer) => Status,
  ) {
    this.#append = append;
  }

  appendTo(settings: Pointer): Status {
    return this.#append(settings);
  }
}

const registries = new WeakMap<Environment, ProviderRegistry>();

/** The providers of an environment, which all engines of a process share. */
export function providersOf(api: CApi, environment: Environment): ProviderRegistry {
  const registry = registries.get(environment) ?? new ProviderRegistry(api, environment);
  registries.set(environment, registry);
  return registry;
}

/** Unregisters the libraries of an environment. Their sessions have to be released before. */
export function closeProviders(environment: Environment): void {
  registries.get(environment)?.close();
}

class ProviderRegistry {
  readonly #api: CApi;
  readonly #environment: Environment;
  readonly #libraries = new Map<string, { readonly path: string; readonly devices: readonly Pointer[] }>();

  constructor(api: CApi, environment: Environment) {
    this.#api = api;
    this.#environment = environment;
  }

  /** @throws QuernError (`engine`) if the library can't be loaded or finds no device it can use */
  open(request: ProviderRequest): CProvider {
    return 'builtIn' in request ? this.#openBuiltIn(request) : this.#openLibrary(request);
  }

  close(): void {
    for (const name of this.#libraries.keys()) {
      const status = this.#api.functions.UnregisterExecutionProviderLibrary(this.#environment.env, name);
      if (status !== null) this.#api.functions.ReleaseStatus(status);
    }
    this.#libraries.clear();
  }

  #openBuiltIn(request: BuiltInProviderRequest): CProvider {
    const { short, listed } = builtInNames[request.builtIn];
    const device = this.#devices().find((candidate) => this.#api.functions.EpDevice_EpName(candidate) === listed);
    const { keys, values } = optionsOf(request);
    return new CProvider(request.builtIn, request, (settings) => {
      if (device !== undefined) return this.#appendDevice(settings, device, keys, values);
      if (request.builtIn === 'cuda') return this.#appendCuda(settings, keys, values);
      return this.#api.functions.SessionOptionsAppendExecutionProvider(settings, short, keys, values, keys.length);
    });
  }

  /** The one provider that has no name, but functions of its own. */
  #appendCuda(settings: Pointer, keys: readonly string[], values: readonly string[]): Status {
    const { functions } = this.#api;
    const failure = 'the options of cuda are refused';
    const cuda = create(this.#api, failure, functions.CreateCUDAProviderOptions);
    try {
      check(this.#api, failure, functions.UpdateCUDAProviderOptions(cuda, keys, values, keys.length));
      return functions.SessionOptionsAppendExecutionProvider_CUDA_V2(settings, cuda);
    } finally {
      functions.ReleaseCUDAProviderOptions(cuda);
    }
  }

  #openLibrary(request: ProviderLibrary): CProvider {
    const { name, library, hardware } = request;
    const devices = this.#register(name, library);
    const found = devices.map((device) => ({ device, type: this.#hardwareOf(device) }));
    const wanted = hardware === undefined ? hardwarePreference : [hardware];
    const device = wanted
      .map((type) => found.find((candidate) => candidate.type === type)?.device)
      .find((candidate) => candidate !== undefined);
    if (device === undefined) throw noDevice(request, [...new Set(found.map(({ type }) => type))]);
    const { keys, values } = optionsOf(request);
    return new CProvider(name, request, (settings) => this.#appendDevice(settings, device, keys, values));
  }

  /** The devices that a library brought. */
  #register(name: string, path: string): readonly Pointer[] {
    const known = this.#libraries.get(name);
    if (known?.path === path) return known.devices;
    const before = new Set(this.#devices());
    const { functions } = this.#api;
    const status = functions.RegisterExecutionProviderLibrary(this.#environment.env, name, path);
    check(this.#api, `the execution provider ${name} can't be loaded`, status);
    const devices = this.#devices().filter((device) => !before.has(device));
    this.#libraries.set(name, { path, devices });
    return devices;
  }

  #devices(): readonly Pointer[] {
    const devices: PointerOut = [null];
    const count: Out<number> = [0];
    const status = this.#api.functions.GetEpDevices(this.#environment.env, devices, count);
    check(this.#api, "the devices of ONNX Runtime can't be listed", status);
    return devices[0] === null || count[0] === 0 ? [] : this.#api.readPointers(devices[0], Number(count[0]));
  }

  #hardwareOf(device: Pointer): HardwareType {
    const { functions } = this.#api;
    return hardwareByCode[functions.HardwareDevice_Type(functions.EpDevice_Device(device))] ?? 'cpu';
  }

  #appendDevice(settings: Pointer, device: Pointer, keys: readonly string[], values: readonly string[]): Status {
    const { env } = this.#environment;
    return this.#api.functions.SessionOptionsAppendExecutionProvider_V2(
      settings,
      env,
      [device],
      1,
      keys,
      values,
      keys.length,
    );
  }
}

function optionsOf({ options = {} }: ProviderRequest): { readonly keys: string[]; readonly values: string[] } {
  return { keys: Object.keys(options), values: Object.values(options) };
}

function noDevice({ name, hardware }: ProviderLibrary, found: readonly HardwareType[]): QuernError {
  if (found.length === 0) {
    return new QuernError('engine', `the execution provider ${name} finds no device on this machine that it can use`, {
      suggestion: 'install the driver of the device, or leave the device out of `devices`',
    });
  }
  return new QuernError('engine', `the execution provider ${name} finds no ${hardware}, only ${found.join(', ')}`);
}
