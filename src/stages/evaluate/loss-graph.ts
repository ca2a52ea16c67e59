import { int } from '../../onnx/attribute.js';
import { Graph } from '../../onnx/ir.js';
import { Model } from '../../onnx/model.js';
import type { Value } from '../../onnx/node.js';
import { int64Vector } from '../../onnx/tensor.js';

/** Adds one-output nodes to a graph. */
type Add = (
  opType: string,
  name: string,
  inputs: readonly (Value | undefined)[],
  attributes?: { readonly [name: string]: ReturnType<typeof int> },
) => Value;

function adder(graph: Graph): Add {
  return (opType, name, inputs, attributes = {}) =>
    graph.addNode({ opType, name, inputs, outputs: [name], attributes }).output;
}

function vector(graph: Graph, ...values: readonly number[]): Value {
  const name = `loss/vector_${values.join('_')}`;
  return graph.initializers.get(name) ?? graph.addInitializer(name, int64Vector(values));
}

/**
 * Makes the part of a decoder that computes logits compute the loss of its own input: `token_losses` float32
 * [1, length - 1], the negative log likelihood in nats of each token after the first.
 */
export function addTokenLosses(graph: Graph): void {
  const logits = requireValue(graph, 'logits');
  const tokens = graph.value('input_ids') ?? graph.addInput('input_ids', { dataType: 'int64', shape: [1, 'tokens'] });
  const add = adder(graph);
  const predictions = add('Slice', 'loss/predictions', [logits, vector(graph, 0), vector(graph, -1), vector(graph, 1)]);
  const next = add('Slice', 'loss/next_tokens', [
    tokens,
    vector(graph, 1),
    vector(graph, Number.MAX_SAFE_INTEGER),
    vector(graph, 1),
  ]);
  const targets = add('Unsqueeze', 'loss/targets', [next, vector(graph, 2)]);
  const chosen = add('GatherElements', 'loss/chosen', [predictions, targets], { axis: int(2) });
  const normalizer = add('ReduceLogSumExp', 'loss/normalizer', [predictions, vector(graph, 2)]);
  const losses = add('Squeeze', 'token_losses', [add('Sub', 'loss/losses', [normalizer, chosen]), vector(graph, 2)]);
  losses.type = { dataType: 'float32', shape: [1, 'predicted'] };
  graph.addOutput(losses);
}

/** A model of nothing but the loss: `logits` float32 [1, length, vocabulary] and `input_ids` to `token_losses`. */
export function lossModel(vocabularySize: number): Model {
  const graph = new Graph('loss');
  graph.addInput('logits', { dataType: 'float32', shape: [1, 'length', vocabularySize] });
  addTokenLosses(graph);
  return new Model({ graph, opsets: new Map([['', 24]]) });
}

/**
 * A model that compares two sets of logits [1, length, vocabulary]: `divergence` float32 [1, length], the Kullback-Leibler
 * divergence from the reference in nats, and `agreement` float32 [1, length], 1 where both prefer the same token.
 */
export function comparisonModel(vocabularySize: number): Model {
  const graph = new Graph('comparison');
  const add = adder(graph);
  const type = { dataType: 'float32' as const, shape: [1, 'length', vocabularySize] };
  const reference = graph.addInput('reference_logits', type);
  const logits = graph.addInput('logits', type);
  const logSum = (name: string, value: Value): Value =>
    add('ReduceLogSumExp', name, [value, vector(graph, 2)], { keepdims: int(0) });
  const probabilities = add('Softmax', 'probabilities', [reference], { axis: int(-1) });
  const weighted = add('Mul', 'weighted', [probabilities, add('Sub', 'difference', [reference, logits])]);
  const expected = add('ReduceSum', 'expected', [weighted, vector(graph, 2)], { keepdims: int(0) });
  const normalizers = add('Sub', 'normalizers', [
    logSum('normalizer', logits),
    logSum('reference_normalizer', reference),
  ]);
  const divergence = add('Add', 'divergence', [expected, normalizers]);
  const best = (name: string, value: Value): Value => add('ArgMax', name, [value], { axis: int(2), keepdims: int(0) });
  const same = add('Equal', 'same', [best('best', logits), best('reference_best', reference)]);
  const agreement = add('Cast', 'agreement', [same], { to: int(1) });
  for (const output of [divergence, agreement]) {
    output.type = { dataType: 'float32', shape: [1, 'length'] };
    graph.addOutput(output);
  }
  return new Model({ graph, opsets: new Map([['', 24]]) });
}

function requireValue(graph: Graph, name: string): Value {
  const value = graph.value(name);
  if (value === undefined) throw new Error(`the model has no ${name}`);
  return value;
}
