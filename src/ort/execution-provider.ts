/** Execution providers that are part of ONNX Runtime's own library, where it was built with them for a platform. */
export const builtInProviders = ['webgpu', 'qnn', 'coreml', 'dml', 'cuda'] as const;
export type BuiltInProvider = (typeof builtInProviders)[number];

export const hardwareTypes = ['cpu', 'gpu', 'npu'] as const;
export type HardwareType = (typeof hardwareTypes)[number];

/** Options of a provider, whose names and meanings are its vendor's. */
export interface ProviderOptions {
  readonly [key: string]: string;
}

/** A provider in a library of its vendor's, which is loaded at run time. */
export interface ProviderLibrary {
  /** Absolute path. */
  readonly library: string;
  /** Name to register the library under. Some providers take it as their own. */
  readonly name: string;
  /** The kind of hardware to use. Default: the first there is of NPU, GPU, CPU. */
  readonly hardware?: HardwareType;
  readonly options?: ProviderOptions;
}

export interface BuiltInProviderRequest {
  readonly builtIn: BuiltInProvider;
  readonly options?: ProviderOptions;
}

export type ProviderRequest = BuiltInProviderRequest | ProviderLibrary;

/**
 * A provider that sessions can be opened on. Such a session holds nothing that the provider refuses: opening it fails
 * instead of leaving operators to the CPU.
 */
export interface ExecutionProvider {
  readonly name: string;
  readonly request: ProviderRequest;
}
