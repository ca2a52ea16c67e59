import type { ModelDirectory } from '../../models/model-directory.js';
import type { Segment } from '../../models/segments.js';
import { findSegments } from '../../models/segments.js';
import { bfloat16ArrayToFloat32, float32ArrayToBfloat16 } from '../../numerics/half.js';
import type { Model } from '../../onnx/model.js';
import type { Value } from '../../onnx/node.js';
import { tensorFromFloat32 } from '../../onnx/tensor.js';
import type { Engine, NamedTensors } from '../../ort/engine.js';
import type { TensorData } from '../../ort/tensor-data.js';
import { zeros } from '../../ort/tensor-data.js';
import type { Matrix } from '../../quant/matrix.js';
import { matrix } from '../../quant/matrix.js';
import { LayerwiseModel } from './layerwise-model.js';
import { addStatistics, statisticNames } from './statistics-graph.js';

/** What calibration says of the input of linear layers. */
export interface InputStatistics {
  /** X^T X over all tokens: float32 [channels, channels]. */
  readonly gram: Matrix;
  /** Mean magnitude of each channel, rounded to bfloat16. */
  readonly absmean: Float32Array;
}

/** Other weights for linear layers of a segment, by their names. */
export type SegmentWeights = ReadonlyMap<string, Matrix>;

/**
 * Windows of tokens on their way through a model, one decoder layer at a time: between layers the residual stream of every
 * window is in memory, and of the weights those of one layer. The stream moves when a segment is measured: where nothing
 * more is measured nothing is run.
 */
export class ResidualStream {
  readonly segments: readonly Segment[];
  readonly #model: LayerwiseModel;
  readonly #windows: readonly Int32Array[];
  readonly #weights = new Map<Segment, () => SegmentWeights>();
  #states: readonly TensorData<'float32'>[] = [];
  /** How many segments the stream has passed; `undefined` as long as nothing was run. */
  #passed: number | undefined;

  /** Takes over the model. */
  constructor(engine: Engine, opened: ModelDirectory, windows: readonly Int32Array[]) {
    this.#model = new LayerwiseModel(engine, opened);
    this.#windows = windows;
    this.segments = findSegments(opened.model.graph);
    for (const { input, output } of this.segments) {
      for (const value of [input, output])
        value.type ??= { dataType: 'float32', shape: [1, 'tokens', opened.info.hiddenSize] };
    }
  }

  /**
   * The statistics of the inputs of a segment's linear layers, by the name of the value. Segments are measured in order, and
   * some may be left out.
   */
  measure(segment: Segment): ReadonlyMap<string, InputStatistics> {
    this.#moveTo(segment);
    return this.#run([segment.input], [], inputsOf(segment));
  }

  /** Measures and moves the stream behind the segment in one pass. */
  measureAndAdvance(segment: Segment): ReadonlyMap<string, InputStatistics> {
    const position = this.#moveTo(segment);
    const statistics = this.#run([segment.input], [segment.output], inputsOf(segment));
    this.#passed = position + 1;
    return statistics;
  }

  /** What inputs of a segment's linear layers are in each window, by the name of the value, and moves the stream behind it. */
  readAndAdvance(segment: Segment, names: ReadonlySet<string>): ReadonlyMap<string, readonly TensorData<'float32'>[]> {
    const position = this.#moveTo(segment);
    const read = new Map<string, TensorData<'float32'>[]>();
    for (const { value, channels } of inputsOf(segment)) {
      if (!names.has(value.name)) continue;
      value.type ??= { dataType: 'float32', shape: [1, 'tokens', channels] };
      read.set(
        value.name,
        this.#windows.map((ids) => zeros('float32', [1, ids.length, channels])),
      );
    }
    this.#run([segment.input], [segment.output], [], read);
    this.#passed = position + 1;
    return read;
  }

  /** Lets the stream pass through a segment with other weights, which are asked for if it does. */
  replaceWeights(segment: Segment, weights: () => SegmentWeights): void {
    this.#weights.set(segment, weights);
  }

  #moveTo(segment: Segment): number {
    const position = this.segments.indexOf(segment);
    if (position < 0 || position < (this.#passed ?? 0)) throw new Error('the stream has passed this segment');
    if (this.#passed === undefined) this.#enter();
    for (let passed = this.#passed ?? 0; passed < position; passed++) this.#pass(this.segments[passed]!);
    this.#passed = position;
    return position;
  }

  /** Computes the stream in front of the first segment. */
  #enter(): void {
    const { hiddenSize } = this.#model.info;
    this.#states = this.#windows.map((ids) => zeros('float32', [1, ids.length, hiddenSize]));
    const [first] = this.segments;
    if (first !== undefined) this.#run([], [first.input], []);
  }

  #pass(segment: Segment): void {
    const { graph } = this.#model.model;
    const weights = this.#weights.get(segment)?.();
    for (const { name, weight, tensor } of segment.layers) {
      const values = weights?.get(name)?.values;
      if (values !== undefined) graph.setInitializer(weight, tensorFromFloat32(tensor.dims, values));
    }
    this.#run([segment.input], [segment.output], []);
    for (const { weight, tensor } of segment.layers) graph.setInitializer(weight, tensor);
  }

  #run(
    inputs: readonly Value[],
    outputs: readonly Value[],
    measured: readonly MeasuredValue[],
    read: ReadonlyMap<string, readonly TensorData<'float32'>[]> = new Map(),
  ): ReadonlyMap<string, InputStatistics> {
    const readValues = [...read.keys()].map((name) => requireValue(this.#model.model, name));
    const wanted = [...outputs, ...measured.map(({ value }) => value), ...readValues];
    const extend = (model: Model): void => {
      const values = measured.map(({ value: { name } }) => requireValue(model, name));
      for (const value of values) model.graph.removeOutput(value);
      addStatistics(model, values);
    };
    const part = this.#model.open(inputs, wanted, { extend });
    const sums = measured.map((each) => new StatisticSums(each));
    for (const [index, ids] of this.#windows.entries()) {
      const state = this.#states[index]!;
      const result = outputs.length === 0 ? undefined : zeros('float32', state.dims);
      part.run(
        ids,
        Object.assign({}, ...inputs.map(({ name }) => ({ [name]: state })), ...sums.map((sum) => sum.inputs)),
        Object.assign(
          {},
          ...outputs.map(({ name }) => ({ [name]: result })),
          ...sums.map((sum) => sum.outputs),
          ...[...read].map(([name, windows]) => ({ [name]: windows[index] })),
        ),
      );
      if (result !== undefined) state.data.set(result.data);
      for (const sum of sums) sum.next();
    }
    part.close();
    return new Map(sums.map((sum) => [sum.name, sum.result()]));
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
