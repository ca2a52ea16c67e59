import type { JsonObject } from '../../json.js';
import { isJsonObject } from '../../json.js';
import { findEmbeddings } from '../../models/embeddings.js';
import type { Stretch } from '../../models/segments.js';
import { extractBetween } from '../../models/segments.js';
import { insertModel } from '../../onnx/insert-model.js';
import type { Model } from '../../onnx/model.js';
import type { Value } from '../../onnx/node.js';
import type { NamedTensors } from '../../ort/engine.js';
import { isTensorOf, zeros } from '../../ort/tensor-data.js';
import type { DecoderWalk } from './decoder-walk.js';
import { LayerResultWriter, readLayerResult } from './layer-result.js';
import type { OutputSquares } from './output-error.js';
import { addTokenSquares } from './token-squares.js';

/** What is known of the outputs of operators by their names, over any number of windows. */
export class SquareSums {
  readonly #squares = new Map<string, OutputSquares>();

  /** `undefined` if the operator was not run. */
  of(name: string): OutputSquares | undefined {
    return this.#squares.get(name);
  }

  add(name: string, { error, output }: OutputSquares): void {
    const before = this.#squares.get(name) ?? { error: 0, output: 0 };
    this.#squares.set(name, { error: before.error + error, output: before.output + output });
  }

  /** Writes what was added into a directory. Sums that are not finite are written as `null`. */
  write(directory: string): void {
    const squares = [...this.#squares].map(([name, { error, output }]) => ({ name, error, output }));
    new LayerResultWriter(directory).end({ squares });
  }

  addWritten(directory: string): void {
    const { squares } = readLayerResult(directory).facts;
    if (!Array.isArray(squares)) throw new Error(`${directory} holds no squares`);
    for (const entry of squares.filter(isJsonObject)) {
      this.add(String(entry.name), { error: numberIn(entry, 'error'), output: numberIn(entry, 'output') });
    }
  }
}

function numberIn(entry: JsonObject, name: string): number {
  const value = entry[name];
  return typeof value === 'number' ? value : Number.NaN;
}

/** A linear layer or an embedding of the model that is walked through. */
interface ComparedOperator {
  readonly name: string;
  readonly input: Value;
  readonly output: Value;
}

/**
 * Runs windows through a model and gives each of the named operators' inputs to what `other` has in its place, between
 * values of the same names. Both outputs and their difference stay inside of the graph: a window gives two numbers for
 * each token and operator. `report` is told which share of the work is done.
 */
export function compareOutputs(
  walk: DecoderWalk,
  windows: readonly Int32Array[],
  other: Model,
  names: ReadonlySet<string>,
  report: (share: number) => void,
): SquareSums {
  const squares = new SquareSums();
  const batch = walk.begin(windows);
  const compared = walk.stretches.map((stretch) => operatorsOf(walk, stretch).filter(({ name }) => names.has(name)));
  // Behind the last of them nothing needs to be run.
  const stretches = walk.stretches.slice(0, compared.findLastIndex((operators) => operators.length > 0) + 1);
  for (const [index, stretch] of stretches.entries()) {
    const operators = compared[index]!;
    const part = walk.open(stretch, {
      values: operators.map(({ output }) => output),
      extend: (model) => {
        for (const operator of operators) addComparison(model, other, operator);
      },
    });
    for (const [window, { length }] of windows.entries()) {
      const buffers = squareBuffers(operators, length);
      walk.run(part, stretch, batch, window, buffers);
      for (const { name } of operators) {
        squares.add(name, { error: sumIn(buffers, errorName(name)), output: sumIn(buffers, outputName(name)) });
      }
      report((index * windows.length + window + 1) / (stretches.length * windows.length));
    }
    walk.close(part);
  }
  return squares;
}

/** Embeddings stand in front of the decoder layers. */
function operatorsOf({ graph }: DecoderWalk, { input: start, layers }: Stretch): readonly ComparedOperator[] {
  const embeddings = start === undefined ? findEmbeddings(graph) : [];
  return [
    ...embeddings.map(({ name, ids, node }) => ({ name, input: ids, output: node.output })),
    ...layers.map(({ name, input, node }) => ({ name, input, output: node.output })),
  ];
}

function addComparison(part: Model, other: Model, { name, input, output }: ComparedOperator): void {
  const computation = extractBetween(other, [valueNamed(other, input.name)], [valueNamed(other, output.name)]);
  const [compared] = insertModel(part, computation, `compared(${name})/`);
  const expected = valueNamed(part, output.name);
  const difference = `difference(${name})`;
  const { graph } = part;
  const inputs = [compared, expected];
  graph.addNode({ opType: 'Sub', name: difference, inputs, outputs: [difference] });
  addTokenSquares(graph, errorName(name), valueNamed(part, difference));
  addTokenSquares(graph, outputName(name), expected);
}

function valueNamed({ graph }: Model, name: string): Value {
  const value = graph.value(name);
  if (value === undefined) throw new Error(`the model has no value ${name}`);
  return value;
}

function squareBuffers(operators: readonly ComparedOperator[], tokens: number): NamedTensors {
  const names = operators.flatMap(({ name }) => [errorName(name), outputName(name)]);
  return Object.fromEntries(names.map((name) => [name, zeros('float32', [tokens])]));
}

function sumIn(buffers: NamedTensors, name: string): number {
  const tensor = buffers[name];
  if (tensor === undefined || !isTensorOf(tensor, 'float32')) throw new Error(`${name} is not float32`);
  let sum = 0;
  for (const value of tensor.data) sum += value;
  return sum;
}

function errorName(operator: string): string {
  return `error_squares(${operator})`;
}

function outputName(operator: string): string {
  return `output_squares(${operator})`;
}
