import type { LinearLayer } from '../../models/linear-layers.js';
import { int } from '../../onnx/attribute.js';
import type { Model } from '../../onnx/model.js';
import type { Value } from '../../onnx/node.js';
import { float64Of, int64Vector, tensorFrom } from '../../onnx/tensor.js';
import type { NamedTensors } from '../../ort/engine.js';
import type { TensorData } from '../../ort/tensor-data.js';
import { isTensorOf, zeros } from '../../ort/tensor-data.js';
import { LayerResultWriter, readLayerResult } from '../layerwise/layer-result.js';

/** Statistics over tokens: the largest magnitude of a channel, and its mean magnitude. */
export type Statistic = 'absmax' | 'absmean';

const reductions: { readonly [S in Statistic]: string } = { absmax: 'ReduceMax', absmean: 'ReduceMean' };

function outputName(statistic: Statistic, value: string): string {
  return `${statistic}(${value})`;
}

/**
 * Makes a part of a model compute the statistics of some of its values [1, tokens, channels], float32 [channels] each: a
 * window then gives some kilobytes instead of its activations.
 */
export function addStatisticsOf({ graph }: Model, values: readonly Value[], statistics: readonly Statistic[]): void {
  const axes = graph.addInitializer('statistics/axes', int64Vector([0, 1]));
  for (const { name: valueName } of values) {
    const value = graph.value(valueName);
    if (value === undefined) throw new Error(`the part does not compute ${valueName}`);
    const name = `abs(${valueName})`;
    const magnitude = graph.addNode({ opType: 'Abs', name, inputs: [value], outputs: [name] }).output;
    for (const statistic of statistics) {
      const reduced = outputName(statistic, valueName);
      const attributes = { keepdims: int(0) };
      const inputs = [magnitude, axes];
      const opType = reductions[statistic];
      const node = graph.addNode({ opType, name: reduced, inputs, outputs: [reduced], attributes });
      node.output.type = { dataType: 'float32', shape: value.type?.shape?.slice(-1) ?? ['channels'] };
      graph.addOutput(node.output);
    }
  }
}

/** Buffers for the statistics of a window. */
export function statisticBuffers(layers: readonly LinearLayer[], statistics: readonly Statistic[]): NamedTensors {
  return Object.fromEntries(
    layers.flatMap(({ input, inputFeatures }) =>
      statistics.map((statistic) => [outputName(statistic, input.name), zeros('float32', [inputFeatures])]),
    ),
  );
}

/**
 * Joins the statistics of windows of equal length. Sums are float64 sums of float32 values, which are exact as long as
 * these lie within 29 powers of two: in practice the order of joining does not matter.
 */
export class ChannelStatistics {
  readonly #sums = new Map<string, Float64Array>();
  #windows = 0;

  /** Of one window. */
  add(name: string, tensor: TensorData): void {
    if (!isTensorOf(tensor, 'float32')) throw new Error(`${name} is not float32`);
    this.#join(name, tensor.data);
  }

  /** Writes what was added into a directory. */
  write(directory: string): void {
    const writer = new LayerResultWriter(directory);
    for (const [name, sum] of this.#sums) writer.add(name, tensorFrom('float64', [sum.length], sum));
    writer.end({});
  }

  /** Adds what others have written, of so many windows. */
  addWritten(directory: string, windows: number): void {
    for (const [name, tensor] of readLayerResult(directory).tensors) this.#join(name, float64Of(tensor));
    this.#windows += windows;
  }

  /** float32 [channels] */
  result(statistic: Statistic, value: string): Float32Array {
    const sum = this.#sums.get(outputName(statistic, value));
    if (sum === undefined) throw new Error(`there is no ${statistic} of ${value}`);
    return Float32Array.from(sum, (total) => (statistic === 'absmax' ? total : total / this.#windows));
  }

  #join(name: string, values: Float32Array | Float64Array): void {
    const sum = this.#sums.get(name) ?? new Float64Array(values.length);
    const joinsByMaximum = name.startsWith('absmax');
    values.forEach((value, channel) => {
      sum[channel] = joinsByMaximum ? Math.max(sum[channel]!, value) : sum[channel]! + value;
    });
    this.#sums.set(name, sum);
  }
}
