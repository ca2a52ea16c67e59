import { int } from '../../onnx/attribute.js';
import { Graph } from '../../onnx/ir.js';
import { Model } from '../../onnx/model.js';
import type { Value } from '../../onnx/node.js';
import { int64Vector } from '../../onnx/tensor.js';

/** Rows of logits that these models are given at once: with their likelihoods they stay in the processor's cache. */
export const rowsTogether = 64;

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
  const name = `vector_${values.join('_')}`;
  return graph.initializers.get(name) ?? graph.addInitializer(name, int64Vector(values));
}

/**
 * A model of the loss of predictions: `logits` float32 [1, rows, vocabulary] and `next_ids` int64 [1, rows], the tokens they
 * are of, to `token_losses` float32 [1, rows], the negative log likelihoods in nats.
 */
export function lossModel(vocabularySize: number): Model {
  const graph = new Graph('loss');
  const logits = graph.addInput('logits', { dataType: 'float32', shape: [1, 'rows', vocabularySize] });
  const next = graph.addInput('next_ids', { dataType: 'int64', shape: [1, 'rows'] });
  const add = adder(graph);
  const targets = add('Unsqueeze', 'targets', [next, vector(graph, 2)]);
  const chosen = add('GatherElements', 'chosen', [logLikelihoods(add, logits), targets], { axis: int(2) });
  const losses = add('Neg', 'token_losses', [add('Squeeze', 'likelihoods', [chosen, vector(graph, 2)])]);
  losses.type = { dataType: 'float32', shape: [1, 'rows'] };
  graph.addOutput(losses);
  return new Model({ graph, opsets: new Map([['', 24]]) });
}

/** Of all tokens, in nats. ONNX Runtime's ReduceLogSumExp takes fifteen times as long and is off by 2e-6. */
function logLikelihoods(add: Add, logits: Value): Value {
  return add('LogSoftmax', `${logits.name}/log_likelihoods`, [logits], { axis: int(-1) });
}

/**
 * A model that compares two sets of logits [1, rows, vocabulary]: `divergence` float32 [1, rows], the Kullback-Leibler
 * divergence from the reference in nats, and `agreement` float32 [1, rows], 1 where both prefer the same token.
 */
export function comparisonModel(vocabularySize: number): Model {
  const graph = new Graph('comparison');
  const add = adder(graph);
  const type = { dataType: 'float32' as const, shape: [1, 'rows', vocabularySize] };
  const reference = graph.addInput('reference_logits', type);
  const logits = graph.addInput('logits', type);
  const expected = logLikelihoods(add, reference);
  const difference = add('Sub', 'difference', [expected, logLikelihoods(add, logits)]);
  const probabilities = add('Softmax', 'probabilities', [reference], { axis: int(-1) });
  const weighted = add('Mul', 'weighted', [probabilities, difference]);
  const divergence = add('ReduceSum', 'divergence', [weighted, vector(graph, 2)], { keepdims: int(0) });
  const best = (name: string, value: Value): Value => add('ArgMax', name, [value], { axis: int(2), keepdims: int(0) });
  const same = add('Equal', 'same', [best('best', logits), best('reference_best', reference)]);
  const agreement = add('Cast', 'agreement', [same], { to: int(1) });
  for (const output of [divergence, agreement]) {
    output.type = { dataType: 'float32', shape: [1, 'rows'] };
    graph.addOutput(output);
  }
  return new Model({ graph, opsets: new Map([['', 24]]) });
}
