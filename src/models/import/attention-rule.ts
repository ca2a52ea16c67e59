import type { Node, Value } from '../../onnx/node.js';
import type { Tensor } from '../../onnx/tensor.js';
import type { AttentionOptions } from '../graph-builder.js';
import { findHeads, isWhole, type SourceHeads } from './attention-heads.js';
import type { ImportContext, ImportRule } from './import-context.js';
import { operatorAttention } from './operator-attention.js';
import type { MaskPart } from './visible-tokens.js';

/** An attention of the source: what it reads, and how scores are made of it. */
export interface SourceAttention {
  readonly node: Node;
  readonly query: SourceHeads;
  readonly key: SourceHeads;
  readonly value: SourceHeads;
  readonly options: AttentionOptions;
  /** What the attention itself adds to queries, keys and values. */
  readonly biases?: { readonly [Name in 'query' | 'key' | 'value']: Tensor };
}

/**
 * An attention that is written out (products, masks, a softmax between them, heads moved around) or one operator becomes
 * one Attention node with a cache. What the masks mean is looked up in what they were when the graph ran.
 */
export const attentionRule: ImportRule = (context, value) => {
  if (!isWhole(context, value, context.sizes.heads)) return undefined;
  const attention = writtenAttention(context, value) ?? operatorAttention(context, joinedOf(value));
  return attention === undefined ? undefined : buildAttention(context, attention);
};

/** Adds the Attention node for an attention that was recognised. */
export function buildAttention(context: ImportContext, attention: SourceAttention): Value {
  const { builder, sizes } = context;
  const { query, key, value, options, biases } = attention;
  const layer = query.cache?.layer ?? key.cache?.layer ?? builder.attentionCount;
  const translated = {
    query: biased(context, query.input, biases?.query),
    key: biased(context, key.input, biases?.key),
    value: biased(context, value.input, biases?.value),
  };
  const name = builder.graph.uniqueName(attentionName(context, attention.node, translated.query.name));
  const prepare = (kind: 'query' | 'key', { norm, rotary }: SourceHeads, heads: number): Value => {
    const normed =
      norm === undefined
        ? translated[kind]
        : builder.headNorm(
            headNormName(context, norm.node, name, kind),
            translated[kind],
            heads,
            norm.weight,
            norm.epsilon,
          );
    return rotary === undefined ? normed : builder.rotate(`${name}/rotated_${kind}`, normed, heads, rotary);
  };
  const inputs = {
    query: prepare('query', query, sizes.heads),
    key: prepare('key', key, sizes.keyValueHeads),
    value: translated.value,
  };
  return builder.attention(name, layer, inputs, options);
}

/** With the bias that an attention adds, if it does, as the bias of the linear layer before. */
function biased(context: ImportContext, input: Value, bias: Tensor | undefined): Value {
  const translated = context.translate(input);
  return bias === undefined ? translated : context.builder.addBias(translated.name, translated, bias);
}

function headNormName({ names, builder }: ImportContext, node: Node, name: string, kind: 'query' | 'key'): string {
  return builder.graph.uniqueName(names.moduleOf(node) || `${name}.${kind === 'query' ? 'q' : 'k'}_norm`);
}

/** The module of the attention is the one around its query projection. */
function attentionName({ names }: ImportContext, node: Node, queryName: string): string {
  const module = names.moduleOf(node);
  const around = /^(.*)\.[^.]+$/.exec(queryName.replace(/\/.*$/, ''))?.[1];
  return around ?? (module || 'attention');
}

function writtenAttention(context: ImportContext, value: Value): SourceAttention | undefined {
  const { source, sizes } = context;
  const node = joinedOf(value).producer;
  if (node?.opType !== 'MatMul' || !node.inputs.every((input) => input !== undefined && source.hasContents(input)))
    return undefined;
  const softmax = weightsOf(node.requireInput(0)).producer;
  if (softmax?.opType !== 'Softmax') return undefined;
  const scores = readScores(context, softmax.requireInput(0));
  if (scores === undefined) return undefined;
  const query = findHeads(context, scores.query, sizes.heads);
  const key = findHeads(context, scores.key, sizes.keyValueHeads);
  const values = findHeads(context, node.requireInput(1), sizes.keyValueHeads);
  const causality = context.meaning.causality(scores.masks);
  if (query === undefined || key === undefined || values === undefined || causality === undefined || values.scale !== 1)
    return undefined;
  const { softcap } = scores;
  return {
    node: softmax,
    query,
    key,
    value: values,
    options: { scale: scores.scale * query.scale * key.scale, softcap, window: causality.window },
  };
}

/** What the heads were before they were joined: past all that only moves elements. */
function joinedOf(value: Value): Value {
  const node = value.producer;
  const moves = node !== undefined && ['Reshape', 'Transpose', 'Squeeze', 'Cast', 'Identity'].includes(node.opType);
  return moves ? joinedOf(node.requireInput(0)) : value;
}

/** The softmax, past what exporters put behind it: dropout that does nothing, zeros for what is not a number. */
function weightsOf(value: Value): Value {
  const node = value.producer;
  if (node === undefined) return value;
  if (['Reshape', 'Cast', 'Identity', 'Dropout'].includes(node.opType)) return weightsOf(node.requireInput(0));
  const isGuard = node.opType === 'Where' && node.requireInput(0).producer?.opType === 'IsNaN';
  return isGuard ? weightsOf(node.requireInput(2)) : value;
}

interface Scores {
  readonly query: Value;
  readonly key: Value;
  readonly scale: number;
  readonly softcap: number | undefined;
  readonly masks: readonly MaskPart[];
}

/** From the input of a softmax back to the product of queries and keys. */
function readScores({ source }: ImportContext, from: Value): Scores | undefined {
  const masks: MaskPart[] = [];
  let scale = 1;
  let softcap: number | undefined;
  for (let value = from; ; ) {
    const node = value.producer;
    if (node === undefined) return undefined;
    const [first, second, third] = node.inputs;
    if (node.opType === 'MatMul' && first !== undefined && second !== undefined) {
      return { query: first, key: second, scale, softcap, masks };
    }
    const contents = node.inputs.filter((input) => input !== undefined && source.hasContents(input));
    const [next] = contents;
    if (next === undefined || contents.length > 1) return undefined;
    const other = node.inputs.find((input) => input !== undefined && input !== next);
    const factor = other === undefined ? undefined : source.scalar(other);
    if (['Reshape', 'Cast', 'Identity'].includes(node.opType)) value = next;
    else if (node.opType === 'Add' && other !== undefined) {
      masks.push({ value: other, effect: 'add' });
      value = next;
    } else if (node.opType === 'Where' && first !== undefined && first !== next) {
      const fill = source.scalar(next === second ? third : second);
      if (fill === undefined || !(fill <= -1e4)) return undefined;
      masks.push({ value: first, effect: next === second ? 'keep' : 'drop' });
      value = next;
    } else if (node.opType === 'Max' && factor !== undefined && factor <= -1e4) value = next;
    else if (node.opType === 'Mul' && factor !== undefined && next.producer?.opType === 'Tanh') {
      const divided = next.producer.requireInput(0).producer;
      if (scale !== 1 || divided?.opType !== 'Div' || source.scalar(divided.inputs[1]) !== factor) return undefined;
      softcap = factor;
      value = divided.requireInput(0);
    } else if (factor !== undefined && (node.opType === 'Mul' || (node.opType === 'Div' && next === first))) {
      scale *= node.opType === 'Mul' ? factor : 1 / factor;
      value = next;
    } else return undefined;
  }
}
