import { int } from '../../onnx/attribute.js';
import type { Graph } from '../../onnx/ir.js';
import type { Value } from '../../onnx/node.js';
import { int64Vector } from '../../onnx/tensor.js';
import type { NamedTensors } from '../../ort/engine.js';
import { isTensorOf } from '../../ort/tensor-data.js';

/** Statistics over tokens: the largest magnitude of a channel, and its mean magnitude. */
export type Statistic = 'absmax' | 'absmean';

const reductions: { readonly [S in Statistic]: string } = { absmax: 'ReduceMax', absmean: 'ReduceMean' };

function outputName(statistic: Statistic, value: string): string {
  return `${statistic}(${value})`;
}

/**
 * Makes a graph compute the statistics of values [batch, sequence, channels], float32 [channels] each, and nothing else:
 * a window then gives some kilobytes instead of its activations.
 */
export function reduceToStatistics(graph: Graph, values: readonly Value[], statistics: readonly Statistic[]): void {
  for (const output of [...graph.outputs]) graph.removeOutput(output);
  const axes = graph.addInitializer('statistics/axes', int64Vector([0, 1]));
  for (const value of new Set(values)) {
    const name = `abs(${value.name})`;
    const magnitude = graph.addNode({ opType: 'Abs', name, inputs: [value], outputs: [name] }).output;
    for (const statistic of statistics) {
      const reduced = outputName(statistic, value.name);
      const attributes = { keepdims: int(0) };
      const inputs = [magnitude, axes];
      const node = graph.addNode({
        opType: reductions[statistic],
        name: reduced,
        inputs,
        outputs: [reduced],
        attributes,
      });
      node.output.type = { dataType: 'float32', shape: value.type?.shape?.slice(-1) ?? ['channels'] };
      graph.addOutput(node.output);
    }
  }
  graph.removeUnused();
}

/** Joins the statistics of windows of equal length. */
export class ChannelStatistics {
  readonly #sums = new Map<string, Float64Array>();
  #windows = 0;

  add(outputs: NamedTensors): void {
    this.#windows++;
    for (const [name, tensor] of Object.entries(outputs)) {
      if (!isTensorOf(tensor, 'float32')) throw new Error(`${name} is not float32`);
      const sum = this.#sums.get(name) ?? new Float64Array(tensor.data.length);
      const joinsByMaximum = name.startsWith('absmax');
      tensor.data.forEach((value, channel) => {
        sum[channel] = joinsByMaximum ? Math.max(sum[channel]!, value) : sum[channel]! + value;
      });
      this.#sums.set(name, sum);
    }
  }

  /** float32 [channels] */
  result(statistic: Statistic, value: string): Float32Array {
    const sum = this.#sums.get(outputName(statistic, value));
    if (sum === undefined) throw new Error(`there is no ${statistic} of ${value}`);
    return Float32Array.from(sum, (total) => (statistic === 'absmax' ? total : total / this.#windows));
  }
}
