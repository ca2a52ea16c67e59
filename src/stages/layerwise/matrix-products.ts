import { int } from '../../onnx/attribute.js';
import { encodeModel } from '../../onnx/encode-model.js';
import { Graph } from '../../onnx/ir.js';
import { Model } from '../../onnx/model.js';
import type { Value } from '../../onnx/node.js';
import { int64Vector } from '../../onnx/tensor.js';
import type { Engine, Session } from '../../ort/engine.js';
import type { TensorData } from '../../ort/tensor-data.js';
import { zeros } from '../../ort/tensor-data.js';
import { type Matrix, matrix } from '../../quant/matrix.js';

/** Matrix products of the searches, computed by ONNX Runtime in float32. */
export class MatrixProducts {
  readonly #product: Session;
  readonly #errors: Session;

  constructor(engine: Engine) {
    this.#product = engine.openSession({ bytes: encodeModel(productModel()) });
    this.#errors = engine.openSession({ bytes: encodeModel(errorModel()) });
  }

  /** left right */
  product(left: Matrix, right: Matrix): Matrix {
    const result = zeros('float32', [left.rows, right.columns]);
    run(this.#product, { left: tensorOf(left), right: tensorOf(right) }, { product: result });
    return matrix(result.data, left.rows, right.columns);
  }

  /** The sums over each column of D * (G D): float32 [N]. */
  outputErrors(gram: Matrix, error: Matrix): Float32Array {
    const result = zeros('float32', [error.columns]);
    run(this.#errors, { gram: tensorOf(gram), error: tensorOf(error) }, { errors: result });
    return result.data;
  }
}

function run(
  session: Session,
  inputs: { readonly [name: string]: TensorData },
  outputs: { readonly [name: string]: TensorData },
): void {
  const bound = session.bind(inputs, outputs);
  bound.run();
  bound.release();
}

function tensorOf({ values, rows, columns }: Matrix): TensorData<'float32'> {
  return { dataType: 'float32', dims: [rows, columns], data: values };
}

function productModel(): Model {
  const graph = new Graph('product');
  const left = input(graph, 'left', ['m', 'k']);
  const right = input(graph, 'right', ['k', 'n']);
  return output(graph, node(graph, 'MatMul', 'product', [left, right]), ['m', 'n']);
}

function errorModel(): Model {
  const graph = new Graph('output_errors');
  const gram = input(graph, 'gram', ['k', 'k']);
  const error = input(graph, 'error', ['k', 'n']);
  const axes = graph.addInitializer('axes', int64Vector([0]));
  const weighted = node(graph, 'Mul', 'weighted', [node(graph, 'MatMul', 'moved', [gram, error]), error]);
  return output(graph, node(graph, 'ReduceSum', 'errors', [weighted, axes], { keepdims: int(0) }), ['n']);
}

function input(graph: Graph, name: string, shape: readonly string[]): Value {
  return graph.addInput(name, { dataType: 'float32', shape });
}

function node(graph: Graph, opType: string, name: string, inputs: readonly Value[], attributes = {}): Value {
  return graph.addNode({ opType, name, inputs, outputs: [name], attributes }).output;
}

function output(graph: Graph, value: Value, shape: readonly string[]): Model {
  value.type = { dataType: 'float32', shape };
  graph.addOutput(value);
  return new Model({ graph, opsets: new Map([['', 24]]) });
}
