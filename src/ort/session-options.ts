import { QuernError } from '../errors.js';
import type { ExecutionProvider } from './execution-provider.js';

/** How far ONNX Runtime may rewrite a graph. From `extended` on, quantized patterns are fused, which can change results. */
export type GraphOptimization = 'disabled' | 'basic' | 'extended' | 'all';

export const defaultGraphOptimization: GraphOptimization = 'all';

/** Configuration entries a session may be given. ONNX Runtime accepts unknown ones silently, so each is listed here. */
const configKeys = [
  'mlas.use_lut_gemm',
  'optimization.disable_specified_optimizers',
  'session.disable_aot_function_inlining',
  'session.disable_cpu_ep_fallback',
  'session.disable_double_qdq_remover',
  'session.disable_qdq_constant_folding',
  'session.disable_quant_qdq',
  'session.enable_quant_qdq_cleanup',
  'session.qdq_matmulnbits_accuracy_level',
  'session.qdq_matmulnbits_block_size',
  'session.qdqisint8allowed',
  'session.record_ep_graph_assignment_info',
  'session.set_denormal_as_zero',
  'session.strict_shape_type_inference',
  'session.use_deterministic_compute',
  'session.x64quantprecision',
] as const;

export type ConfigKey = (typeof configKeys)[number];

export interface ResolvableSessionOptions {
  /** Default: `all`. */
  readonly graphOptimization?: GraphOptimization;
  readonly config?: { readonly [K in ConfigKey]?: string };
  /**
   * Whether weights are copied into the layout of the kernels. Without it a session with external data opens at once and
   * takes no memory, but runs more slowly. Default: true.
   */
  readonly prepack?: boolean;
  /** Where a profile goes: `<prefix>_<time>.json` is written when the session is released. */
  readonly profilePrefix?: string;
  /** Runs every operator, or the session is not opened. Default: the CPU. */
  readonly provider?: ExecutionProvider;
}

export interface SessionOptions {
  readonly graphOptimization: GraphOptimization;
  /** Configuration entries, by name. */
  readonly config: { readonly [key: string]: string };
  readonly profilePrefix: string | undefined;
  readonly provider: ExecutionProvider | undefined;
}

/**
 * Fills in defaults. Throws a `QuernError` on a configuration key that is not one of those listed: the keys may come from
 * a file.
 */
export function resolveSessionOptions(options: ResolvableSessionOptions, externalDataFolder?: string): SessionOptions {
  const config: { [key: string]: string } = {};
  for (const [key, value] of Object.entries(options.config ?? {})) {
    if (!configKeys.some((known) => known === key)) {
      throw new QuernError('engine', `\`${key}\` is not a session configuration key that may be set`, {
        suggestion: `the keys are ${configKeys.join(', ')}`,
      });
    }
    config[key] = value;
  }
  if (options.prepack === false) config['session.disable_prepacking'] = '1';
  if (options.provider !== undefined) config['session.disable_cpu_ep_fallback'] = '1';
  if (externalDataFolder !== undefined) {
    config['session.model_external_initializers_file_folder_path'] = externalDataFolder;
  }
  const { graphOptimization = defaultGraphOptimization, profilePrefix, provider } = options;
  return { graphOptimization, config, profilePrefix, provider };
}
