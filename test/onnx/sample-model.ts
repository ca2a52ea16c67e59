import { float, floats, int, ints, string } from '../../src/onnx/attribute.js';
import { Graph } from '../../src/onnx/ir.js';
import { FunctionDefinition, Model } from '../../src/onnx/model.js';
import type { ValueType } from '../../src/onnx/node.js';
import { AttributeProto_AttributeType } from '../../src/onnx/proto/onnx_pb.js';
import {
  float32Scalar,
  int64Vector,
  MemoryTensor,
  StringTensor,
  type Tensor,
  tensorFromFloat32,
} from '../../src/onnx/tensor.js';

export const rows: ValueType = { dataType: 'float32', shape: ['batch', 32] };

/** A float32 matrix of 32 x 32 elements, 4 KiB: just large enough for a data file. */
export function squareMatrix(seed: number): Tensor {
  return tensorFromFloat32(
    [32, 32],
    Float32Array.from({ length: 1024 }, (_, index) => ((index * seed) % 13) / 16),
  );
}

/**
 * A model that ONNX Runtime runs and that has what a model can have: data files, a function of its own, an `If` with
 * branches that read outer values and have weights, packed 4-bit elements, omitted outputs, metadata.
 * `y = choose ? h @ branch : h` with `h = (x @ first) * 0.5 @ second`.
 */
export function sampleModel(): Model {
  const graph = new Graph('main');
  const x = graph.addInput('x', rows);
  const choose = graph.addInput('choose', { dataType: 'bool', shape: [] });
  const first = graph.addInitializer('layers.0.weight', squareMatrix(3));
  const half = graph.addInitializer('half', float32Scalar(0.5));
  const second = graph.addInitializer('layers/1:weight', squareMatrix(5));
  const product = graph.addNode({ name: 'layers.0', opType: 'MatMul', inputs: [x, first], outputs: 1 });
  product.output.type = rows;
  product.metadata.set('module', 'layers.0');
  const scaled = graph.addNode({
    name: 'scale',
    opType: 'Scale',
    domain: 'quern.test',
    inputs: [product.output, half],
    outputs: ['scaled'],
  });
  const hidden = graph.addNode({ name: 'layers.1', opType: 'MatMul', inputs: [scaled.output, second], outputs: 1 });
  hidden.output.type = rows;
  const choice = graph.addNode({ name: 'choice', opType: 'If', inputs: [choose], outputs: ['y'] });
  const thenBranch = new Graph('then', graph);
  const weight = thenBranch.addInitializer('branch.weight', squareMatrix(7));
  thenBranch.addOutput(
    thenBranch.addNode({ name: 'branch', opType: 'MatMul', inputs: [hidden.output, weight], outputs: 1 }).output,
  );
  const elseBranch = new Graph('else', graph);
  elseBranch.addOutput(
    elseBranch.addNode({ name: 'same', opType: 'Identity', inputs: [hidden.output], outputs: 1 }).output,
  );
  choice.setAttribute('then_branch', { type: 'graph', value: thenBranch });
  choice.setAttribute('else_branch', { type: 'graph', value: elseBranch });
  choice.output.type = rows;
  graph.addOutput(choice.output);
  addDequantize(graph);
  const model = new Model({
    graph,
    opsets: new Map([
      ['', 24],
      ['quern.test', 1],
    ]),
    producerVersion: '1.2.3',
  });
  model.metadata.set('purpose', 'tests');
  model.functions.push(scaleFunction());
  return model;
}

function addDequantize(graph: Graph): void {
  const packed = graph.addInitializer('packed', new MemoryTensor('int4', [3], Uint8Array.of(0x21, 0x0f)));
  const scale = graph.addInitializer('packed scale', float32Scalar(2));
  const node = graph.addNode({
    name: 'dequantize',
    opType: 'DequantizeLinear',
    inputs: [packed, scale],
    outputs: ['unpacked'],
  });
  node.output.type = { dataType: 'float32', shape: [3] };
  graph.addOutput(node.output);
}

function scaleFunction(): FunctionDefinition {
  const definition = new FunctionDefinition('quern.test', 'Scale');
  definition.opsets.set('', 24);
  const { body } = definition;
  const value = body.addInput('value');
  const factor = body.addInput('factor');
  body.addOutput(
    body.addNode({ name: 'multiply', opType: 'Mul', inputs: [value, factor], outputs: ['result'] }).output,
  );
  return definition;
}

/** A graph with every kind of attribute and type, which no engine has to run. */
export function oddModel(): Model {
  const graph = new Graph('odd');
  graph.docString = 'documentation';
  graph.metadata.set('a', 'b');
  const x = graph.addInput('x', { dataType: 'bfloat16' });
  const withDefault = graph.addInput('with default', { dataType: 'int64', shape: [undefined, 'n', 0, 5] });
  graph.setInitializer(withDefault, int64Vector([1, 2]));
  const strings = graph.addInitializer('strings', new StringTensor([2], ['a', 'ß\u{1f600}']));
  const node = graph.addNode({
    name: 'odd',
    opType: 'Odd',
    domain: 'quern.test',
    overload: 'second',
    inputs: [undefined, x, undefined, withDefault, strings],
    outputs: ['', 'kept'],
    attributes: {
      int: int(-3),
      large: int(2n ** 62n),
      ints: ints([0, -1, 2 ** 53 - 1, -(2n ** 63n)]),
      float: float(Math.fround(0.1)),
      floats: floats([0, -1.5, Number.NEGATIVE_INFINITY]),
      string: string('\ufefftext'),
      strings: { type: 'strings', value: ['', 'b'] },
      tensor: { type: 'tensor', value: float32Scalar(1.5) },
    },
  });
  node.docString = 'a node';
  const kept = graph.value('kept');
  if (kept !== undefined) graph.addOutput(kept);
  const model = new Model({ graph, opsets: new Map([['quern.test', 7]]), irVersion: 11, producerName: 'somebody' });
  model.domain = 'domain';
  model.modelVersion = 4;
  model.docString = 'a model';
  model.functions.push(oddFunction());
  return model;
}

function oddFunction(): FunctionDefinition {
  const definition = new FunctionDefinition('quern.test', 'Odd', 'second');
  definition.opsets.set('', 24);
  definition.docString = 'a function';
  definition.metadata.set('c', 'd');
  definition.attributes.push('required');
  definition.attributeDefaults.set('optional', int(4));
  const input = definition.body.addInput('input', { dataType: 'float16' });
  const node = definition.body.addNode({ name: 'n', opType: 'Concat', inputs: [input], outputs: ['result'] });
  node.setAttribute('axis', { type: 'reference', value: 'optional', of: AttributeProto_AttributeType.INT });
  node.output.type = { dataType: 'float16', shape: [] };
  definition.body.addOutput(node.output);
  return definition;
}
