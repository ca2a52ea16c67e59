import { QuernError } from '../../errors.js';
import type { Model } from '../../onnx/model.js';
import type { Value } from '../../onnx/node.js';
import { topologicalOrder } from '../../onnx/order.js';
import type { Tensor } from '../../onnx/tensor.js';
import type { DecoderSizes } from '../decoder-sizes.js';
import { GraphBuilder } from '../graph-builder.js';
import { attentionRule } from './attention-rule.js';
import { groupQueryAttentionRule } from './contrib-attention-rule.js';
import { headNormRule } from './head-norm-rule.js';
import type { ImportContext, ImportRule } from './import-context.js';
import { isLinearResult, linearRule } from './linear-rule.js';
import { ModuleNames } from './module-names.js';
import { normRule } from './norm-rule.js';
import { elementRule, embeddingRule, formRule, positionRule, sliceRule, splitRule } from './plain-rules.js';
import {
  dequantizedWeightRule,
  isQuantizedProduct,
  quantizedOperatorRule,
  quantizedPositionRule,
} from './quantized-rules.js';
import { residualNormRule } from './residual-norm-rule.js';
import type { SequenceMeaning } from './sequence-meaning.js';
import type { SourceGraph } from './source-graph.js';

/** What an exported graph is understood by. The first rule that understands a value translates it. */
const rules: readonly ImportRule[] = [
  attentionRule,
  groupQueryAttentionRule,
  headNormRule,
  normRule,
  residualNormRule,
  dequantizedWeightRule,
  quantizedOperatorRule,
  linearRule,
  embeddingRule,
  formRule,
  splitRule,
  sliceRule,
  elementRule,
];

/** What values are understood by that do not depend on the contents of tokens. */
const positionRules: readonly ImportRule[] = [positionRule, quantizedPositionRule];

/** The new graph, and what it shows of the model that no configuration has to say. */
export interface Translation {
  readonly model: Model;
  readonly slidingWindow?: number;
}

/**
 * Writes an exported decoder anew, in the operators and with the inputs, outputs and names that models of quern have.
 * @throws QuernError (`input`) that names the first operator no rule understands
 */
export function translateGraph(source: SourceGraph, sizes: DecoderSizes, meaning: SequenceMeaning): Translation {
  return new GraphTranslation(source, sizes, meaning).run();
}

class GraphTranslation implements ImportContext {
  readonly builder: GraphBuilder;
  readonly names: ModuleNames;
  readonly #translated = new Map<Value, Value>();

  constructor(
    readonly source: SourceGraph,
    readonly sizes: DecoderSizes,
    readonly meaning: SequenceMeaning,
  ) {
    this.builder = new GraphBuilder('imported', sizes);
    this.names = new ModuleNames(source.graph);
    this.#translated.set(source.ports.tokens, this.builder.tokens);
  }

  run(): Translation {
    const { source, builder, sizes } = this;
    // In the order of the graph, so that no call goes deeper than from one linear layer to the one before.
    for (const { outputs } of topologicalOrder(source.graph)) {
      const [output] = outputs;
      if (output !== undefined && (isLinearResult(source, output) || isQuantizedProduct(source, output)))
        this.translate(output);
    }
    const logits = this.translate(source.ports.logits);
    if (builder.attentionCount !== sizes.layers) {
      throw new QuernError(
        'input',
        `the graph has ${builder.attentionCount} attentions, its configuration ${sizes.layers} layers`,
      );
    }
    const model = builder.finish(logits);
    model.graph.removeUnused();
    const { smallestWindow } = builder;
    return smallestWindow === undefined ? { model } : { model, slidingWindow: smallestWindow };
  }

  translate(value: Value): Value {
    const known = this.#translated.get(value);
    if (known !== undefined) return known;
    const translated = this.source.hasContents(value) ? this.#by(rules, value) : this.#by(positionRules, value);
    if (translated === undefined) throw notUnderstood(value);
    this.remember(value, translated);
    return translated;
  }

  remember(value: Value, translated: Value): void {
    this.#translated.set(value, translated);
  }

  constant(name: string, tensor: Tensor): Value {
    return this.builder.constant(name, tensor);
  }

  sharedConstant(value: Value, tensor: Tensor, name: string): Value {
    const known = this.#translated.get(value) ?? this.constant(name, tensor);
    this.remember(value, known);
    return known;
  }

  #by(rules: readonly ImportRule[], value: Value): Value | undefined {
    for (const rule of rules) {
      const translated = rule(this, value);
      if (translated !== undefined) return translated;
    }
    return undefined;
  }
}

function notUnderstood(value: Value): QuernError {
  const node = value.producer;
  const what =
    node === undefined
      ? `the input ${value.name}`
      : `the operator ${node.domain === '' ? '' : `${node.domain}.`}${node.opType} (${node.name === '' ? value.name : node.name})`;
  if (isBehindQuantized(value, longestUnit)) {
    return new QuernError('input', `${what} works with quantized activations outside of linear layers and embeddings`, {
      suggestion:
        'attention and norms run in float: quantize the linear layers alone (`nodes_to_exclude` of ONNX Runtime), or load the float model and quantize it with a stage',
    });
  }
  return new QuernError('input', `${what} has a use in the graph that is not understood`, {
    suggestion:
      'decoders with causal attention, norms, linear layers and activations can be imported; load the checkpoint itself, or export it again, for example with optimum',
  });
}

/** Operators that an attention or a norm consists of, one behind the other, at the most. */
const longestUnit = 12;

/** Whether one of so many operators in front of a value makes floats of quantized activations. */
function isBehindQuantized({ producer }: Value, operators: number): boolean {
  if (producer === undefined || operators === 0) return false;
  const [input] = producer.inputs;
  if (producer.opType === 'DequantizeLinear' && input?.producer?.opType === 'QuantizeLinear') return true;
  return producer.inputs.some((value) => value !== undefined && isBehindQuantized(value, operators - 1));
}
