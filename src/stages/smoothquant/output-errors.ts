import { openModelSession } from '../../models/graph-session.js';
import type { LinearLayer } from '../../models/linear-layers.js';
import { findLinearLayers } from '../../models/linear-layers.js';
import { scaleColumnsKernel } from '../../numerics/kernels/arithmetic.js';
import { Graph } from '../../onnx/ir.js';
import { Model } from '../../onnx/model.js';
import type { Value } from '../../onnx/node.js';
import { tensorFromFloat32 } from '../../onnx/tensor.js';
import type { Engine } from '../../ort/engine.js';
import { type TensorData, zeros } from '../../ort/tensor-data.js';
import { type Matrix, matrix } from '../../quant/matrix.js';
import type { Scheme } from '../../quant/schemes.js';
import { smoothWeight } from '../../quant/smoothquant.js';
import { addTokenSquares } from '../layerwise/token-squares.js';
import { quantizeWeight } from '../quantize/quantize-weight.js';
import { replaceLayer } from '../quantize/replace-layer.js';

/** Linear layers that read one value, and what they have now. */
export interface Readers {
  readonly layers: readonly LinearLayer[];
  /** Of each layer: [input features, output features]. */
  readonly weights: readonly Matrix[];
  /** The value in each window: [1, tokens, input features]. */
  readonly tokens: readonly TensorData<'float32'>[];
}

/** What scales a layer gets in a trial; their results are undone outside of the layer. */
export interface TrialScales {
  /** Of the input features, which the weights are multiplied by. */
  readonly rows?: Float32Array;
  /** Of the output features, which the weights are divided by. */
  readonly columns?: Float32Array;
}

/**
 * What quantizing does to the outputs of linear layers that read the same value, for one trial of scales after another.
 * Everything is run as the scheme says, so that the rounding of activations, which no second moments tell of, counts as it
 * will.
 */
export class OutputErrors {
  readonly #engine: Engine;
  readonly #directory: string;
  readonly #readers: Readers;
  /** By layer and window. */
  readonly #expected: readonly (readonly ExpectedOutput[])[];

  /** `importance`: factors of the output features, by which errors count. 1 where it is not given. */
  constructor(engine: Engine, directory: string, readers: Readers, importance?: Float32Array) {
    this.#engine = engine;
    this.#directory = directory;
    this.#readers =
      importance === undefined ? readers : { ...readers, weights: readers.weights.map(scaledBy(importance)) };
    this.#expected = this.#readers.weights.map((weight) => this.#run(weight));
  }

  /**
   * Sum over the layers of the error of their outputs: that of a token is its square relative to the square of the output,
   * and tokens count alike. Tokens with outliers would decide alone otherwise.
   */
  of(scales: TrialScales, scheme: Scheme): number {
    const session = openModelSession(this.#engine, trialModel(this.#readers, scales, scheme), this.#directory);
    let sum = 0;
    let count = 0;
    for (const [window, x] of this.#readers.tokens.entries()) {
      const expected = this.#expected.map((windows) => windows[window]!);
      const found = session.run({
        x,
        ...Object.fromEntries(expected.map(({ output }, index) => [expectedName(index), output])),
      });
      for (const [index, { squares }] of expected.entries()) {
        const errors = found[errorName(index)]?.data;
        if (!(errors instanceof Float32Array)) throw new Error('errors are float32');
        for (const [token, square] of squares.entries()) {
          if (square > 0) sum += errors[token]! / square;
        }
      }
      count += x.dims[1] ?? 0;
    }
    session.release();
    return sum / count;
  }

  #run(weight: Matrix): readonly ExpectedOutput[] {
    const graph = new Graph('outputs');
    const x = graph.addInput('x', { dataType: 'float32', shape: [1, 'tokens', weight.rows] });
    const y = addNode(graph, 'MatMul', 'y', [x, addWeight(graph, 'weight', weight)]);
    y.type = { dataType: 'float32', shape: [1, 'tokens', weight.columns] };
    graph.addOutput(y);
    const session = openModelSession(this.#engine, standardModel(graph), this.#directory);
    const outputs = this.#readers.tokens.map((tokens) => {
      const output = zeros('float32', [1, tokens.dims[1] ?? 0, weight.columns]);
      const bound = session.bind({ x: tokens }, { y: output });
      bound.run();
      bound.release();
      return { output, squares: rowSquares(output.data, weight.columns) };
    });
    session.release();
    return outputs;
  }
}

interface ExpectedOutput {
  readonly output: TensorData<'float32'>;
  /** Sum of squares of each token. */
  readonly squares: Float64Array;
}

/** The quantized layers between what undoes their scales, and the squared error of each for every token. */
function trialModel({ layers, weights }: Readers, { rows, columns }: TrialScales, scheme: Scheme): Model {
  const graph = new Graph('trial');
  const [{ rows: features } = { rows: 0 }] = weights;
  const x = graph.addInput('x', { dataType: 'float32', shape: [1, 'tokens', features] });
  const input = rows === undefined ? x : addNode(graph, 'Div', 'smoothed', [x, addVector(graph, 'rows', rows)]);
  const factors = columns === undefined ? undefined : addVector(graph, 'columns', columns);
  const trials = weights.map((weight) => {
    const smoothed = rows === undefined ? weight : smoothWeight(weight, rows);
    return columns === undefined ? smoothed : scaledBy(columns.map((scale) => 1 / scale))(smoothed);
  });
  for (const [index, { name }] of layers.entries()) {
    const trial = trials[index]!;
    const y = addNode(graph, 'MatMul', name, [input, addWeight(graph, `${name}.weight`, trial)]);
    const shape = [1, 'tokens', trial.columns];
    y.type = { dataType: 'float32', shape };
    const output = factors === undefined ? y : addNode(graph, 'Mul', `output_${index}`, [y, factors]);
    const expected = graph.addInput(expectedName(index), { dataType: 'float32', shape });
    const difference = addNode(graph, 'Sub', `difference_${index}`, [output, expected]);
    addTokenSquares(graph, errorName(index), difference);
  }
  const model = standardModel(graph);
  for (const [index, layer] of findLinearLayers(graph).entries()) {
    replaceLayer(model, layer, quantizeWeight(trials[index]!, scheme));
  }
  graph.removeUnused();
  return model;
}

function scaledBy(factors: Float32Array): (weight: Matrix) => Matrix {
  return (weight) => matrix(scaleColumnsKernel(weight, factors), weight.rows, weight.columns);
}

function addNode(graph: Graph, opType: string, name: string, inputs: readonly Value[]): Value {
  return graph.addNode({ opType, name, inputs, outputs: [name] }).output;
}

function addWeight(graph: Graph, name: string, { values, rows, columns }: Matrix): Value {
  return graph.addInitializer(name, tensorFromFloat32([rows, columns], values));
}

function addVector(graph: Graph, name: string, values: Float32Array): Value {
  return graph.addInitializer(name, tensorFromFloat32([values.length], values));
}

function standardModel(graph: Graph): Model {
  return new Model({ graph, opsets: new Map([['', 24]]) });
}

function expectedName(index: number): string {
  return `expected_${index}`;
}

function errorName(index: number): string {
  return `error_${index}`;
}

function rowSquares(values: Float32Array, columns: number): Float64Array {
  const squares = new Float64Array(values.length / columns);
  for (const [index, value] of values.entries()) squares[Math.floor(index / columns)]! += value * value;
  return squares;
}
