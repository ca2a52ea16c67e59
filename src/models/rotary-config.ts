import type { ConfigReader } from '../checkpoints/config-reader.js';
import { llama3Frequencies, plainFrequencies, type Rotary } from './rotary.js';

const usualTheta = 10_000;
/** Of a table of cosines or sines: four times what texts of a million tokens need. */
const maximumTableBytes = 2 ** 30;
const kinds = ['default', 'linear', 'dynamic', 'llama3', 'longrope', 'su'] as const;

/**
 * Reads how a model turns its queries and keys: `rope_parameters`, or `rope_theta` and `rope_scaling` as they were called
 * before transformers 5. Kinds whose angles depend on the length of the text (`dynamic`, `longrope`) are read for the
 * lengths up to which they don't: the model gets no positions beyond them.
 */
export function readRotary(fields: ConfigReader, headSize: number, positions: number): Rotary {
  fields.require('rope_interleaved', false);
  const scaling = fields.section('rope_scaling') ?? fields.section('rope_parameters') ?? fields;
  const theta = scaling.number('rope_theta', { default: fields.number('rope_theta', { default: usualTheta }) });
  if (!(theta > 0)) throw scaling.error('rope_theta', `must be positive, not ${theta}`);
  const dimensions = readDimensions(fields, scaling, headSize);
  const frequencies = plainFrequencies(theta, dimensions);
  if (positions * frequencies.byteLength > maximumTableBytes) {
    throw fields.error('max_position_embeddings', `(${positions}) makes tables of angles of more than 1 GiB`);
  }
  const plain = { inverseFrequencies: frequencies, attentionFactor: 1, positions };
  if (scaling === fields) return plain;
  const kind = readKind(scaling);
  switch (kind) {
    case 'default':
      return plain;
    case 'dynamic':
      // Longer texts would change the base of all angles, those of tokens already read included.
      readFactor(scaling, 'factor');
      return plain;
    case 'linear': {
      const factor = readFactor(scaling, 'factor');
      return { ...plain, inverseFrequencies: frequencies.map((frequency) => frequency / factor) };
    }
    case 'llama3':
      return {
        ...plain,
        inverseFrequencies: readLlama3(scaling, frequencies, readOriginalPositions(fields, scaling, positions)),
      };
    case 'longrope':
    case 'su':
      return readLongRope(scaling, { theta, dimensions, positions }, readOriginalPositions(fields, scaling, positions));
  }
}

function readKind(scaling: ConfigReader): (typeof kinds)[number] {
  const former = scaling.oneOf('type', kinds, { default: 'default' as const });
  return scaling.oneOf('rope_type', kinds, { default: former });
}

function readDimensions(fields: ConfigReader, scaling: ConfigReader, headSize: number): number {
  const name = 'partial_rotary_factor';
  const dimensions = Math.trunc(headSize * scaling.number(name, { default: fields.number(name, { default: 1 }) }));
  if (dimensions >= 2 && dimensions <= headSize && dimensions % 2 === 0) return dimensions;
  throw scaling.error(name, `turns ${dimensions} of the ${headSize} dimensions of a head: an even number is needed`);
}

function readFactor(scaling: ConfigReader, name: string): number {
  const factor = scaling.number(name);
  if (factor > 0) return factor;
  throw scaling.error(name, `must be positive, not ${factor}`);
}

/** Beside the other sizes it counts more than among the parameters, as in transformers. */
function readOriginalPositions(fields: ConfigReader, scaling: ConfigReader, positions: number): number {
  const name = 'original_max_position_embeddings';
  const inner = scaling.integer(name, { min: 1, default: positions });
  return fields.integer(name, { min: 1, default: inner });
}

function readLlama3(scaling: ConfigReader, frequencies: Float32Array, originalPositions: number): Float32Array {
  const lowFrequencyFactor = readFactor(scaling, 'low_freq_factor');
  const highFrequencyFactor = readFactor(scaling, 'high_freq_factor');
  if (highFrequencyFactor <= lowFrequencyFactor) {
    throw scaling.error('high_freq_factor', `must be more than low_freq_factor (${lowFrequencyFactor})`);
  }
  const factor = readFactor(scaling, 'factor');
  return llama3Frequencies(frequencies, { factor, lowFrequencyFactor, highFrequencyFactor, originalPositions });
}

/** LongRoPE (Ding et al. 2024, arXiv 2402.13753), with the factors for texts up to the original length. */
function readLongRope(
  scaling: ConfigReader,
  { theta, dimensions, positions }: { readonly theta: number; readonly dimensions: number; readonly positions: number },
  originalPositions: number,
): Rotary {
  const factors = scaling.numbers('short_factor');
  scaling.numbers('long_factor');
  if (factors.length !== dimensions / 2 || !factors.every((factor) => factor > 0)) {
    throw scaling.error('short_factor', `must be ${dimensions / 2} positive numbers`);
  }
  const factor = scaling.number('factor', { default: positions / originalPositions });
  const usual = factor <= 1 ? 1 : Math.sqrt(1 + Math.log(factor) / Math.log(originalPositions));
  return {
    inverseFrequencies: Float32Array.from(factors, (stretch, pair) => {
      const wave = Math.fround(theta ** Math.fround((2 * pair) / dimensions));
      return 1 / Math.fround(Math.fround(stretch) * wave);
    }),
    attentionFactor: Math.fround(scaling.number('attention_factor', { default: usual })),
    positions: Math.min(positions, originalPositions),
  };
}
