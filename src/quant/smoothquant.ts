import { QuernError } from '../errors.js';
import { scaleRowsKernel } from '../numerics/kernels/arithmetic.js';
import { rowAbsmax } from './absmax.js';
import { requireFinite } from './finite.js';
import { type Matrix, matrix } from './matrix.js';

/** No scale and no weight magnitude counts as less: it bounds the scale of a channel that calibration never saw active. */
const floor = Math.fround(1e-5);

/**
 * SmoothQuant's scale of each input feature of a group of weights that read the same normalized tensor:
 * s[j] = max(a[j]^alpha / w[j]^(1 - alpha), 1e-5), where a[j] is the absmax of the activation and w[j] the absmax of
 * row j over all weights of the group, at least 1e-5 (Xiao et al. 2022, equation 4, with the clamps of the authors'
 * code). Powers and quotient are taken in float64 and rounded to float32 once, the authors' code rounds each.
 *
 * A dead channel (a[j] = 0) gets 1e-5 for alpha > 0: its norm weight is multiplied by 1e5 and its weight row divided,
 * which is still equivalent. For alpha = 0 the activation has no say, and the scale is 1 / w[j].
 *
 * @param activationAbsmax one value per input feature
 * @param weights the group, [K, N] each, at least one
 * @param alpha 0 (all difficulty stays in the activation) to 1 (all of it moves to the weights)
 * @param channels the channel that each input feature is, where several are one. They get the same scale, by the largest
 * magnitudes of any of them.
 * @throws QuernError (`input`) if an activation or weight value is not finite, or an absmax is negative
 */
export function smoothingScales(
  activationAbsmax: Float32Array,
  weights: readonly Matrix[],
  alpha: number,
  channels?: Int32Array,
): Float32Array {
  if (!(alpha >= 0 && alpha <= 1)) throw new Error(`alpha must be from 0 to 1, not ${alpha}`);
  if (weights.length === 0) throw new Error('a smoothing group needs a weight');
  requireMagnitudes(activationAbsmax);
  const weightAbsmax = largestOfChannels(groupRowAbsmax(weights, activationAbsmax.length), channels);
  return largestOfChannels(activationAbsmax, channels).map((activation, channel) =>
    Math.max(activation ** alpha / weightAbsmax[channel]! ** (1 - alpha), floor),
  );
}

/** The value of largest magnitude of the features that are one channel. */
export function largestOfChannels(values: Float32Array, channels: Int32Array | undefined): Float32Array {
  if (channels === undefined) return values;
  const largest = new Float32Array(Math.max(...channels) + 1);
  for (const [feature, channel] of channels.entries()) {
    if (Math.abs(values[feature]!) > Math.abs(largest[channel]!)) largest[channel] = values[feature]!;
  }
  return largest;
}

/** The value of largest magnitude of each channel of [tokens, channels]. */
export function extremesOf(values: Float32Array, channels: number): Float32Array {
  const extremes = new Float32Array(channels);
  for (let start = 0; start < values.length; start += channels) {
    for (let channel = 0; channel < channels; channel++) {
      const value = values[start + channel]!;
      if (Math.abs(value) > Math.abs(extremes[channel]!)) extremes[channel] = value;
    }
  }
  return extremes;
}

/**
 * How much each channel weighs in the outputs of weights that read it: the Frobenius norm of its rows, at least 1e-5.
 * float32 [channels]
 */
export function channelNorms(weights: readonly Matrix[], channels?: Int32Array): Float32Array {
  const [{ rows } = { rows: 0 }] = weights;
  const squares = new Float64Array(channels === undefined ? rows : Math.max(...channels) + 1);
  for (const { values, columns } of weights) {
    for (let row = 0; row < rows; row++) {
      const channel = channels?.[row] ?? row;
      for (const value of values.subarray(row * columns, (row + 1) * columns)) squares[channel]! += value ** 2;
    }
  }
  return Float32Array.from(squares, (sum) => Math.max(Math.sqrt(sum), floor));
}

/** Scales divided by their geometric mean, those of channels that were never active replaced by 1. */
export function centredScales(
  scales: Float32Array,
  activationAbsmax: Float32Array,
  channels?: Int32Array,
): Float32Array {
  const activity = largestOfChannels(activationAbsmax, channels);
  const active = [...scales].filter((_, channel) => activity[channel]! > 0);
  if (active.length === 0) return scales.map(() => 1);
  const centre = Math.exp(active.reduce((sum, scale) => sum + Math.log(scale), 0) / active.length);
  return scales.map((scale, channel) => (activity[channel]! > 0 ? scale / centre : 1));
}

/** The scale of each input feature, of those of the channels. */
export function scalesOfFeatures(scales: Float32Array, channels: Int32Array | undefined): Float32Array {
  return channels === undefined ? scales : Float32Array.from(channels, (channel) => scales[channel]!);
}

/** A weight or bias vector of the normalization, divided by the scales. */
export function smoothNorm(vector: Float32Array, scales: Float32Array): Float32Array {
  requireLength(vector.length, scales);
  return vector.map((value, feature) => value / scales[feature]!);
}

/** A weight of the group with each row multiplied by the scale of its input feature. */
export function smoothWeight({ values, rows, columns }: Matrix, scales: Float32Array): Matrix {
  requireLength(rows, scales);
  return matrix(scaleRowsKernel({ values, rows, columns }, scales), rows, columns);
}

/** The largest magnitude of each row over all weights, at least the floor. */
function groupRowAbsmax(weights: readonly Matrix[], features: number): Float32Array {
  const largest = new Float32Array(features).fill(floor);
  for (const weight of weights) {
    requireLength(weight.rows, largest);
    requireFinite(weight);
    for (const [row, value] of rowAbsmax(weight).entries()) largest[row] = Math.max(largest[row]!, value);
  }
  return largest;
}

function requireLength(features: number, perFeature: Float32Array): void {
  if (features !== perFeature.length) {
    throw new Error(`${features} input features don't go with ${perFeature.length} values`);
  }
}

function requireMagnitudes(activationAbsmax: Float32Array): void {
  const feature = activationAbsmax.findIndex((value) => !(value >= 0 && Number.isFinite(value)));
  if (feature === -1) return;
  throw new QuernError(
    'input',
    `the calibration statistics hold ${activationAbsmax[feature]} as the largest magnitude of input feature ${feature}`,
    { suggestion: 'Calibrate again, or import statistics that are finite and not negative' },
  );
}
