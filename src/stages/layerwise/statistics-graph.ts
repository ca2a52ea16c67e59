import { int } from '../../onnx/attribute.js';
import type { Model } from '../../onnx/model.js';
import type { Value } from '../../onnx/node.js';
import { int64Vector } from '../../onnx/tensor.js';

/** Names of what a graph computes from a value [1, tokens, channels]. */
export function statisticNames(value: string): { readonly sum: string; readonly gram: string; readonly mean: string } {
  return { sum: `gram_before(${value})`, gram: `gram(${value})`, mean: `absmean(${value})` };
}

/**
 * Makes a part of a model compute, for each of some values X [1, tokens, channels], the Gram matrix X^T X added to the one
 * it is given, float32 [channels, channels], and the mean magnitude of each channel, float32 [channels].
 */
export function addStatistics({ graph }: Model, values: readonly Value[]): void {
  const rows = graph.addInitializer('statistics/rows', int64Vector([0]));
  const axes = graph.addInitializer('statistics/axes', int64Vector([0]));
  for (const value of values) {
    const { sum, gram, mean } = statisticNames(value.name);
    const channels = value.type?.shape?.at(-1) ?? 'channels';
    const before = graph.addInput(sum, { dataType: 'float32', shape: [channels, channels] });
    const add = (opType: string, name: string, inputs: readonly Value[], attributes = {}): Value =>
      graph.addNode({ opType, name, inputs, outputs: [name], attributes }).output;
    const tokens = add('Squeeze', `tokens(${value.name})`, [value, rows]);
    const product = add('Gemm', gram, [tokens, tokens, before], { transA: int(1) });
    const magnitudes = add('Abs', `abs(${value.name})`, [tokens]);
    const means = add('ReduceMean', mean, [magnitudes, axes], { keepdims: int(0) });
    product.type = { dataType: 'float32', shape: [channels, channels] };
    means.type = { dataType: 'float32', shape: [channels] };
    graph.addOutput(product);
    graph.addOutput(means);
  }
}
