import { QuernError } from '../errors.js';
import type { JsonObject } from '../json.js';
import type { CheckpointTensor } from './checkpoint.js';
import type { ConfigReader } from './config-reader.js';
import { readTensorFloat32 } from './tensor-data.js';

/** What every Llama 3.1 to 3.3 has; the factor alone differs (8, or 32 in the small ones). */
const llama3 = { low_freq_factor: 1, high_freq_factor: 4, original_max_position_embeddings: 8192 } as const;
const tolerance = 1e-4;

/** By how much the rotation at a frequency is slowed down (`_compute_llama3_parameters` of transformers). */
function llama3Divisor(frequency: number, factor: number): number {
  const turns = (llama3.original_max_position_embeddings * frequency) / (2 * Math.PI);
  if (turns < llama3.low_freq_factor) return factor;
  if (turns > llama3.high_freq_factor) return 1;
  const smooth = (turns - llama3.low_freq_factor) / (llama3.high_freq_factor - llama3.low_freq_factor);
  return 1 / ((1 - smooth) / factor + smooth);
}

/**
 * The `rope_scaling` of config.json that a tensor `rope_freqs.weight` was made from: llama.cpp stores the divisors of the
 * frequencies in place of the parameters. Divisors that no Llama 3 has are a QuernError.
 */
export function ropeScalingOfDivisors(tensor: CheckpointTensor, theta: number): JsonObject {
  const divisors = readTensorFloat32(tensor);
  const factor = divisors.reduce((largest, divisor) => Math.max(largest, divisor), 1);
  const matches = divisors.every((divisor, index) => {
    const expected = llama3Divisor(theta ** (-index / divisors.length), factor);
    return Math.abs(divisor - expected) <= tolerance * expected;
  });
  if (matches) return { rope_type: 'llama3', factor, ...llama3 };
  throw new QuernError('input', `${tensor.path}: ${tensor.name} holds other frequencies than those of Llama 3`, {
    suggestion: 'use the checkpoint in safetensors instead',
  });
}

/** The `rope_scaling` that the metadata state, if they do. Kinds that can't be expressed exactly are refused. */
export function ropeScalingOfMetadata(fields: ConfigReader): JsonObject | undefined {
  const type = fields.string('rope.scaling.type', { default: 'none' });
  const factor = fields.number('rope.scaling.factor', { default: 1 });
  if (type === 'none') return undefined;
  if (type === 'linear') return { rope_type: 'linear', factor };
  throw fields.error('rope.scaling.type', `is ${type}, which is not supported; none and linear are`);
}
