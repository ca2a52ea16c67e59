import { QuernError } from '../../errors.js';
import { didYouMean } from '../../nearest.js';
import type { ActivationType, GemmShape, LinearOperator, WeightFormat } from './device.js';

interface OperatorFormat {
  readonly operatorType: string;
  readonly weights: WeightFormat;
  readonly activations: ActivationType;
}

const symmetricInt8: OperatorFormat = { operatorType: 'MatMul', weights: { type: 'int8' }, activations: 'int8' };
const matMulInteger: OperatorFormat = {
  operatorType: 'MatMulInteger',
  weights: { type: 'int8' },
  activations: 'uint8',
};

/** What the presets that give every operator the same format turn an operator into. */
const formats: { readonly [scheme: string]: OperatorFormat } = {
  float: { operatorType: 'MatMul', weights: { type: 'float32' }, activations: 'float32' },
  w8a8: symmetricInt8,
  'w8a8-channel': symmetricInt8,
  'w8a8-ort': matMulInteger,
  'w8a8-ort-channel': matMulInteger,
  w8a16: { operatorType: 'MatMul', weights: { type: 'int8' }, activations: 'int16' },
  'w4-nbits': { operatorType: 'MatMulNBits', weights: { type: 'int4', groupSize: 32 }, activations: 'float32' },
  'w4-g32': groupFormat('4', 32),
  'w4-g128': groupFormat('4', 128),
  'w3-g32': groupFormat('3', 32),
  'w3-g128': groupFormat('3', 128),
};

function groupFormat(bits: string, groupSize: number): OperatorFormat {
  return {
    operatorType: 'MatMul',
    weights: { type: bits === '3' ? 'int3' : 'int4', groupSize },
    activations: 'bfloat16',
  };
}

/**
 * A linear operator with constant weights of a shape, quantized with a scheme: a preset, or groups of any size (`w4-g64`).
 * @throws QuernError (`usage`) if the name is not the scheme of one operator
 */
export function operatorOfScheme(scheme: string, { k, n }: Pick<GemmShape, 'k' | 'n'>): LinearOperator {
  return { ...formatOfScheme(scheme), k, n, constantWeights: true, scheme };
}

function formatOfScheme(scheme: string): OperatorFormat {
  const preset = Object.hasOwn(formats, scheme) ? formats[scheme] : undefined;
  if (preset !== undefined) return preset;
  const [, bits, groupSize] = /^w([34])-g([1-9]\d{0,5})$/.exec(scheme) ?? [];
  if (bits !== undefined && groupSize !== undefined) return groupFormat(bits, Number(groupSize));
  const names = Object.keys(formats);
  throw new QuernError('usage', `${JSON.stringify(scheme)} is not the scheme of one operator`, {
    suggestion: didYouMean(scheme, names) ?? `schemes are ${names.join(', ')}`,
  });
}
