import { floatAttribute, intAttribute } from '../../onnx/attribute.js';
import type { Node, Value } from '../../onnx/node.js';
import { float32Of, type Tensor, tensorFromFloat32 } from '../../onnx/tensor.js';
import { findHeads, type SourceHeads } from './attention-heads.js';
import type { SourceAttention } from './attention-rule.js';
import type { ImportContext } from './import-context.js';
import type { MaskPart } from './visible-tokens.js';

/** What an operator says of its attention. */
interface Operator {
  readonly past: Value | undefined;
  readonly masks: readonly MaskPart[];
  readonly isCausal: boolean;
  /** 0 stands for the usual one. */
  readonly scale: number | undefined;
  readonly softcap: number | undefined;
  /** Of queries, keys and values, one behind the other. */
  readonly bias: Value | undefined;
}

/** The attention of the standard's Attention or ONNX Runtime's MultiHeadAttention, whose output a value is. */
export function operatorAttention(context: ImportContext, output: Value): SourceAttention | undefined {
  const { sizes, source } = context;
  const node = output.producer;
  const operator = node?.output === output ? readOperator(context, node) : undefined;
  const [query, key, value] = node?.inputs ?? [];
  if (node === undefined || operator === undefined || query === undefined || key === undefined || value === undefined)
    return undefined;
  const cache = source.ports.caches.find(({ past }) => past === operator.past);
  if ((cache === undefined) !== (operator.past === undefined)) return undefined;
  const queries = findHeads(context, query, sizes.heads);
  const keys = findHeads(context, key, sizes.keyValueHeads);
  const values = findHeads(context, value, sizes.keyValueHeads);
  const causality = context.meaning.causality(operator.masks, operator.isCausal);
  if (queries === undefined || keys === undefined || values?.scale !== 1 || causality === undefined) return undefined;
  const biases = operator.bias === undefined ? undefined : splitBias(context, operator.bias, [queries, keys, values]);
  if (operator.bias !== undefined && biases === undefined) return undefined;
  const scale = operator.scale === undefined || operator.scale === 0 ? sizes.headSize ** -0.5 : operator.scale;
  return {
    node,
    query: queries,
    key: cache === undefined ? keys : { ...keys, cache },
    value: values,
    options: {
      scale: scale * queries.scale * keys.scale,
      softcap: operator.softcap === 0 ? undefined : operator.softcap,
      window: causality.window,
    },
    ...(biases === undefined ? {} : { biases }),
  };
}

function readOperator(context: ImportContext, node: Node): Operator | undefined {
  const { attributes, inputs } = node;
  const others = node.outputs.slice(3).some((output) => output !== undefined);
  if (node.domain === '' && node.opType === 'Attention' && !others) {
    // Behind them are lengths without padding.
    if (inputs[6] !== undefined) return undefined;
    return {
      past: inputs[4],
      masks: maskParts(context, inputs[3]),
      isCausal: intAttribute(attributes, 'is_causal') === 1,
      scale: floatAttribute(attributes, 'scale'),
      softcap: floatAttribute(attributes, 'softcap'),
      bias: undefined,
    };
  }
  if (node.domain === 'com.microsoft' && node.opType === 'MultiHeadAttention' && !others) {
    // Behind them is what belongs to caches that are not copied, and to beams.
    if (inputs.slice(8).some((input) => input !== undefined)) return undefined;
    return {
      past: inputs[6],
      masks: [...maskParts(context, inputs[4]), ...maskParts(context, inputs[5])],
      isCausal: intAttribute(attributes, 'unidirectional') === 1,
      scale: floatAttribute(attributes, 'scale'),
      softcap: undefined,
      bias: inputs[3],
    };
  }
  return undefined;
}

/** A mask of floats is added; one of another type says what is kept. */
function maskParts({ source }: ImportContext, value: Value | undefined): readonly MaskPart[] {
  if (value === undefined) return [];
  const dataType = source.constant(value)?.dataType ?? source.valuesOf(value)[0]?.dataType;
  return [{ value, effect: dataType?.startsWith('float') === true ? 'add' : 'keep' }];
}

function splitBias({ source }: ImportContext, value: Value, heads: readonly SourceHeads[]): SourceAttention['biases'] {
  const tensor = source.constant(value);
  const isPlain = heads.every((one) => one.rotary === undefined && one.norm === undefined);
  if (!isPlain || tensor?.dataType !== 'float32' || tensor.dims.length !== 1) return undefined;
  const all = float32Of(tensor);
  const size = all.length / 3;
  const part = (index: number): Tensor => tensorFromFloat32([size], all.slice(index * size, (index + 1) * size));
  return Number.isInteger(size) ? { query: part(0), key: part(1), value: part(2) } : undefined;
}
