import type { Tensor } from '../onnx/tensor.js';
import { LazyTensor } from '../onnx/tensor.js';

/** Rotary positions (Su et al. 2021, arXiv 2104.09864): pairs of dimensions of a head are turned by angles. */
export interface Rotary {
  /** Angle per position of each pair, in radians. Half as many as the dimensions that are turned. */
  readonly inverseFrequencies: Float32Array;
  /** Factor of the cosines and sines. */
  readonly attentionFactor: number;
  /** Positions up to which the angles are those of the model. */
  readonly positions: number;
}

/** What pairs of dimensions are turned by at each position. */
export interface RotaryTables {
  /** What the names of the constants begin with. */
  readonly name: string;
  /** float32 [positions, pairs] */
  readonly cosines: Tensor;
  readonly sines: Tensor;
  /** Whether pairs are neighbours. Otherwise they are half the turned dimensions apart. */
  readonly isInterleaved?: boolean;
}

export function rotaryTables(rotary: Rotary): RotaryTables {
  return { name: 'model.rotary_emb', cosines: angleTable(rotary, 'cos'), sines: angleTable(rotary, 'sin') };
}

/** Cosines or sines of all angles: float32 [positions, pairs]. Each is computed in float32 as PyTorch does it. */
function angleTable(rotary: Rotary, kind: 'cos' | 'sin'): Tensor {
  const { inverseFrequencies, attentionFactor, positions } = rotary;
  const turn = kind === 'cos' ? Math.cos : Math.sin;
  return new LazyTensor('float32', [positions, inverseFrequencies.length], () => {
    const table = new Float32Array(positions * inverseFrequencies.length);
    let index = 0;
    for (let position = 0; position < positions; position++) {
      for (const frequency of inverseFrequencies) {
        table[index++] = Math.fround(turn(Math.fround(position * frequency))) * attentionFactor;
      }
    }
    return new Uint8Array(table.buffer);
  });
}

/** The angles of the original model: theta^(-2i / dimensions), in float32. */
export function plainFrequencies(theta: number, dimensions: number): Float32Array {
  return Float32Array.from(
    { length: dimensions / 2 },
    (_, pair) => 1 / Math.fround(theta ** Math.fround((2 * pair) / dimensions)),
  );
}

export interface Llama3Scaling {
  readonly factor: number;
  readonly lowFrequencyFactor: number;
  readonly highFrequencyFactor: number;
  readonly originalPositions: number;
}

/** Long waves are stretched by a factor, short ones are kept, with a ramp between them (Llama 3.1's `apply_scaling`). */
export function llama3Frequencies(frequencies: Float32Array, scaling: Llama3Scaling): Float32Array {
  const { factor, lowFrequencyFactor: low, highFrequencyFactor: high, originalPositions } = scaling;
  return frequencies.map((frequency) => {
    const turns = (originalPositions * frequency) / (2 * Math.PI);
    if (turns > high) return frequency;
    if (turns < low) return frequency / factor;
    const smoothness = (turns - low) / (high - low);
    return ((1 - smoothness) * frequency) / factor + smoothness * frequency;
  });
}
