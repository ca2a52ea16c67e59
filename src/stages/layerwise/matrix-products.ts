import { int } from '../../onnx/attribute.js';
import { encodeModel } from '../../onnx/encode-model.js';
import { Graph } from '../../onnx/ir.js';
import { Model } from '../../onnx/model.js';
import type { Value } from '../../onnx/node.js';
import { int64Vector } from '../../onnx/tensor.js';
import type { Engine, Session } from '../../ort/engine.js';
import type { TensorData } from '../../ort/tensor-data.js';
import { zeros } from '../../ort/tensor-data.js';
import type { TransposedProduct } from '../../quant/cholesky.js';
import { type Matrix, matrix } from '../../quant/matrix.js';
import type { WeightedProducts } from '../../quant/second-moments.js';

/** Matrix products of the searches, computed by ONNX Runtime in float32. */
export class MatrixProducts {
  readonly #product: Session;
  readonly #weighted: Session;
  readonly #transposed: Session;

  constructor(engine: Engine) {
    this.#product = engine.openSession({ bytes: encodeModel(productModel()) });
    this.#weighted = engine.openSession({ bytes: encodeModel(weightedModel()) });
    this.#transposed = engine.openSession({ bytes: encodeModel(transposedModel()) });
  }

  /** left right */
  product(left: Matrix, right: Matrix): Matrix {
    const result = zeros('float32', [left.rows, right.columns]);
    run(this.#product, { left: tensorOf(left), right: tensorOf(right) }, { product: result });
    return matrix(result.data, left.rows, right.columns);
  }

  /** See `TransposedProduct`. */
  readonly transposed: TransposedProduct = (left, right, { rows, columns, inner }) => {
    const result = zeros('float64', [rows, columns]);
    const tensors = {
      left: { dataType: 'float64', dims: [rows, inner], data: left },
      right: { dataType: 'float64', dims: [columns, inner], data: right },
    } as const;
    run(this.#transposed, tensors, { product: result });
    return result.data;
  };

  /** See `WeightedProducts`. */
  readonly weighted: WeightedProducts = (moments, left, right, blocks) => {
    const { columns } = right;
    const result = zeros('float32', [blocks, columns]);
    const blocksOf = ({ values, rows, columns: width }: Matrix): TensorData<'float32'> => ({
      dataType: 'float32',
      dims: [blocks, rows / blocks, width],
      data: values,
    });
    const inputs = { moments: blocksOf(moments), left: blocksOf(left), right: blocksOf(right) };
    run(this.#weighted, inputs, { sums: result });
    return result.data;
  };
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

function transposedModel(): Model {
  const graph = new Graph('transposed_product');
  const left = input(graph, 'left', ['m', 'k'], 'float64');
  const right = input(graph, 'right', ['n', 'k'], 'float64');
  return output(graph, node(graph, 'Gemm', 'product', [left, right], { transB: int(1) }), ['m', 'n'], 'float64');
}

function weightedModel(): Model {
  const graph = new Graph('weighted_products');
  const moments = input(graph, 'moments', ['b', 'm', 'k']);
  const left = input(graph, 'left', ['b', 'm', 'n']);
  const right = input(graph, 'right', ['b', 'k', 'n']);
  const axes = graph.addInitializer('axes', int64Vector([1]));
  const weighted = node(graph, 'Mul', 'weighted', [node(graph, 'MatMul', 'moved', [moments, right]), left]);
  return output(graph, node(graph, 'ReduceSum', 'sums', [weighted, axes], { keepdims: int(0) }), ['b', 'n']);
}

type FloatType = 'float32' | 'float64';

function input(graph: Graph, name: string, shape: readonly string[], dataType: FloatType = 'float32'): Value {
  return graph.addInput(name, { dataType, shape });
}

function node(graph: Graph, opType: string, name: string, inputs: readonly Value[], attributes = {}): Value {
  return graph.addNode({ opType, name, inputs, outputs: [name], attributes }).output;
}

function output(graph: Graph, value: Value, shape: readonly string[], dataType: FloatType = 'float32'): Model {
  value.type = { dataType, shape };
  graph.addOutput(value);
  return new Model({ graph, opsets: new Map([['', 24]]) });
}
