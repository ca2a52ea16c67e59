import type { ModelInfo } from '../../models/architecture.js';
import { promptInputs } from '../../models/decoder-inputs.js';
import { openModelSession } from '../../models/graph-session.js';
import { lowerAttention } from '../../models/lower-attention.js';
import type { ModelDirectory } from '../../models/model-directory.js';
import type { Segment } from '../../models/segments.js';
import { extractBetween, findSegments } from '../../models/segments.js';
import { bfloat16ArrayToFloat32, float32ArrayToBfloat16 } from '../../numerics/half.js';
import type { Model } from '../../onnx/model.js';
import type { Value } from '../../onnx/node.js';
import { tensorFromFloat32 } from '../../onnx/tensor.js';
import type { Engine, NamedTensors, Session } from '../../ort/engine.js';
import type { TensorData } from '../../ort/tensor-data.js';
import { zeros } from '../../ort/tensor-data.js';
import type { Matrix } from '../../quant/matrix.js';
import { matrix } from '../../quant/matrix.js';
import { addStatistics, statisticNames } from './statistics-graph.js';

/** What calibration says of the input of linear layers. */
export interface InputStatistics {
  /** X^T X over all tokens: float32 [channels, channels]. */
  readonly gram: Matrix;
  /** Mean magnitude of each channel, rounded to bfloat16. */
  readonly absmean: Float32Array;
}

/**
 * Windows of tokens on their way through a model, one decoder layer at a time: between layers the residual stream of every
 * window is in memory, and of the weights those of one layer.
 */
export class ResidualStream {
  readonly segments: readonly Segment[];
  readonly #engine: Engine;
  readonly #model: Model;
  readonly #directory: string;
  readonly #info: ModelInfo;
  readonly #windows: readonly Int32Array[];
  readonly #states: readonly TensorData<'float32'>[];

  /** Takes over the model and computes the stream in front of the first decoder layer. */
  constructor(engine: Engine, { model, directory, info }: ModelDirectory, windows: readonly Int32Array[]) {
    lowerAttention(model);
    this.#engine = engine;
    this.#model = model;
    this.#directory = directory;
    this.#info = info;
    this.#windows = windows;
    this.segments = findSegments(model.graph);
    for (const { input, output } of this.segments) {
      for (const value of [input, output])
        value.type ??= { dataType: 'float32', shape: [1, 'tokens', info.hiddenSize] };
    }
    this.#states = windows.map((ids) => zeros('float32', [1, ids.length, info.hiddenSize]));
    const stream = this.segments[0]?.input;
    if (stream !== undefined) this.#run([], [stream], []);
  }

  /** The statistics of the inputs of a segment's linear layers, by the name of the value. The stream stays where it is. */
  measure(segment: Segment): ReadonlyMap<string, InputStatistics> {
    return this.#run([segment.input], [], inputsOf(segment));
  }

  /** Moves the stream behind a segment, with other weights for some of its linear layers. */
  advance(segment: Segment, weights: ReadonlyMap<string, Matrix>): void {
    const { graph } = this.#model;
    for (const { name, weight, tensor } of segment.layers) {
      const values = weights.get(name)?.values;
      if (values !== undefined) graph.setInitializer(weight, tensorFromFloat32(tensor.dims, values));
    }
    this.#run([segment.input], [segment.output], []);
    for (const { weight, tensor } of segment.layers) graph.setInitializer(weight, tensor);
  }

  /** Measures and moves the stream in one pass. */
  measureAndAdvance(segment: Segment): ReadonlyMap<string, InputStatistics> {
    return this.#run([segment.input], [segment.output], inputsOf(segment));
  }

  #run(
    inputs: readonly Value[],
    outputs: readonly Value[],
    measured: readonly MeasuredValue[],
  ): ReadonlyMap<string, InputStatistics> {
    const part = extractBetween(this.#model, inputs, [...outputs, ...measured.map(({ value }) => value)]);
    const values = measured.map(({ value: { name } }) => requireValue(part, name));
    for (const value of values) part.graph.removeOutput(value);
    addStatistics(part, values);
    const session = openModelSession(this.#engine, part, this.#directory);
    const sums = measured.map((each) => new StatisticSums(each));
    for (const [index, ids] of this.#windows.entries()) {
      const state = this.#states[index]!;
      const result = outputs.length === 0 ? undefined : zeros('float32', state.dims);
      this.#runWindow(session, ids, {
        inputs: Object.assign({}, ...inputs.map(({ name }) => ({ [name]: state })), ...sums.map((sum) => sum.inputs)),
        outputs: Object.assign(
          {},
          ...outputs.map(({ name }) => ({ [name]: result })),
          ...sums.map((sum) => sum.outputs),
        ),
      });
      if (result !== undefined) state.data.set(result.data);
      for (const sum of sums) sum.next();
    }
    session.release();
    return new Map(sums.map((sum) => [sum.name, sum.result()]));
  }

  #runWindow(
    session: Session,
    ids: Int32Array,
    { inputs, outputs }: { readonly inputs: NamedTensors; readonly outputs: NamedTensors },
  ): void {
    const available = { ...promptInputs(this.#info, ids), ...inputs };
    const needed = session.inputs.map(({ name }) => {
      const tensor = available[name];
      if (tensor === undefined) throw new Error(`nothing is known of input ${name}`);
      return [name, tensor] as const;
    });
    const bound = session.bind(Object.fromEntries(needed), outputs);
    bound.run();
    bound.release();
  }
}

interface MeasuredValue {
  readonly value: Value;
  readonly channels: number;
}

/** The different inputs of a segment's linear layers. */
function inputsOf({ layers }: Segment): readonly MeasuredValue[] {
  const channels = new Map(layers.map(({ input, inputFeatures }) => [input, inputFeatures]));
  return [...channels].map(([value, count]) => ({ value, channels: count }));
}

function requireValue({ graph }: Model, name: string): Value {
  const value = graph.value(name);
  if (value === undefined) throw new Error(`the part has no value ${name}`);
  return value;
}

/** Statistics of one value, summed over windows of equal length. */
class StatisticSums {
  readonly name: string;
  readonly #names: ReturnType<typeof statisticNames>;
  readonly #channels: number;
  readonly #mean: TensorData<'float32'>;
  readonly #meanSums: Float64Array;
  #gram: TensorData<'float32'>;
  #nextGram: TensorData<'float32'>;
  #windows = 0;

  constructor({ value, channels }: MeasuredValue) {
    this.name = value.name;
    this.#names = statisticNames(value.name);
    this.#channels = channels;
    const dims = [channels, channels];
    this.#gram = zeros('float32', dims);
    this.#nextGram = zeros('float32', dims);
    this.#mean = zeros('float32', [channels]);
    this.#meanSums = new Float64Array(channels);
  }

  get inputs(): NamedTensors {
    return { [this.#names.sum]: this.#gram };
  }

  get outputs(): NamedTensors {
    return { [this.#names.gram]: this.#nextGram, [this.#names.mean]: this.#mean };
  }

  /** Takes what a run has written. */
  next(): void {
    [this.#gram, this.#nextGram] = [this.#nextGram, this.#gram];
    this.#windows++;
    for (const [channel, mean] of this.#mean.data.entries()) this.#meanSums[channel]! += mean;
  }

  result(): InputStatistics {
    const means = Float32Array.from(this.#meanSums, (sum) => sum / this.#windows);
    return {
      gram: matrix(this.#gram.data, this.#channels, this.#channels),
      absmean: bfloat16ArrayToFloat32(float32ArrayToBfloat16(means)),
    };
  }
}
