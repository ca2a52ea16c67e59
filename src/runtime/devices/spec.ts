import type {
  BuiltInProvider,
  ProviderLibrary,
  ProviderOptions,
  ProviderRequest,
} from '../../ort/execution-provider.js';
import type { NpuName } from './names.js';

/** A simulated NPU. */
export interface NpuSpec {
  readonly npu: NpuName;
  /** Whether float operators run there too, rounded to bfloat16. */
  readonly bf16?: boolean;
  /** The narrowing of AMD's first overlays. */
  readonly legacy?: 'int16';
  /** What accumulators are divided by before they are narrowed. A power of two. */
  readonly requantizeScale?: number;
}

/** An execution provider: one of ONNX Runtime's own, or in a library. */
export interface ProviderSpec {
  readonly ep: BuiltInProvider | ProviderLibrary;
  /** Of a provider of ONNX Runtime's own. */
  readonly options?: ProviderOptions;
}

/** A driver of the user's own. */
export interface PluginSpec {
  /** Path of the module. */
  readonly plugin: string;
  /** Longest time of one call. */
  readonly timeoutMs?: number;
}

/** A device as a recipe names it. */
export type DeviceSpec = 'cpu' | NpuSpec | ProviderSpec | PluginSpec;

/** What AMD's calibrations gave at most, so that the fewest accumulators are clipped. */
export const defaultRequantizeScale = 128;

export function providerRequestOf({ ep, options }: ProviderSpec): ProviderRequest {
  if (typeof ep !== 'string') return ep;
  return options === undefined ? { builtIn: ep } : { builtIn: ep, options };
}
