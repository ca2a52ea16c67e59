import { create, toBinary } from '@bufbuild/protobuf';
import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { QuernError } from '../../src/errors.js';
import { byteLengthOf, type DataType, dataTypeCode, dataTypeOfCode, isDataType } from '../../src/onnx/data-type.js';
import { decodeModel } from '../../src/onnx/decode-model.js';
import { encodeModel } from '../../src/onnx/encode-model.js';
import { Graph } from '../../src/onnx/ir.js';
import { Model } from '../../src/onnx/model.js';
import { type ModelProto, ModelProtoSchema, TensorProto_DataType } from '../../src/onnx/proto/onnx_pb.js';
import { MemoryTensor, type Tensor } from '../../src/onnx/tensor.js';
import { describeModel, describeTensor } from './describe-model.js';
import { assertLinked } from './links.js';
import { oddModel, sampleModel } from './sample-model.js';

function noExternalData(): never {
  throw new Error('there is no external data');
}

function decode(bytes: Uint8Array): Model {
  return decodeModel(bytes, noExternalData);
}

type GraphFields = NonNullable<Parameters<typeof create<typeof ModelProtoSchema>>[1]>['graph'];

/** A model with one graph, written without the code under test. */
function modelOf(graph: GraphFields, fields: Partial<ModelProto> = {}): Uint8Array {
  const proto = create(ModelProtoSchema, { irVersion: 10n, opsetImport: [{ domain: '', version: 21n }], graph });
  return toBinary(ModelProtoSchema, Object.assign(proto, fields));
}

function refuses(bytes: Uint8Array, message: RegExp): void {
  assert.throws(
    () => decode(bytes),
    (error: unknown) => error instanceof QuernError && error.code === 'input' && message.test(error.message),
    String(message),
  );
}

function tensorOf(fields: NonNullable<NonNullable<GraphFields>['initializer']>[number]): Tensor | undefined {
  return decode(modelOf({ initializer: [{ name: 't', ...fields }] })).graph.initializers.get('t')?.initializer;
}

for (const [label, make, irVersion] of [
  ['the sample model', sampleModel, 12],
  ['a model with every kind of attribute', oddModel, 11],
] as const) {
  test(`${label} survives a round trip, and always gives the same bytes`, () => {
    const bytes = encodeModel(make());
    const again = decode(bytes);
    const expected = make();
    expected.irVersion = irVersion;
    assert.equal(describeModel(again), describeModel(expected));
    assert.equal(encodeModel(again), bytes);
    assertLinked(again.graph);
  });
}

test('the IR version follows the opset and never gets lower', () => {
  const irVersion = (opset: number, minimum: number): number => {
    const model = new Model({ graph: new Graph('g'), opsets: new Map([['', opset]]), irVersion: minimum });
    return decode(encodeModel(model)).irVersion;
  };
  assert.is(irVersion(13, 7), 10);
  assert.is(irVersion(21, 10), 10);
  assert.is(irVersion(23, 10), 11);
  assert.is(irVersion(24, 10), 12);
  assert.is(irVersion(26, 10), 13);
  assert.is(irVersion(21, 13), 13);
});

test('tensors of any type and shape survive a round trip', () => {
  const dataTypes = Object.keys(TensorProto_DataType)
    .map((name) => dataTypeOfCode(Number(name)))
    .filter((dataType): dataType is DataType => dataType !== undefined && dataType !== 'string');
  assert.is(dataTypes.length, 25);
  const anyTensor = fc
    .record({ dataType: fc.constantFrom(...dataTypes), dims: fc.array(fc.nat(4), { maxLength: 4 }) })
    .chain(({ dataType, dims }) => {
      const length = byteLengthOf(dataType, dims) ?? 0;
      return fc
        .uint8Array({ minLength: length, maxLength: length })
        .map((data) => new MemoryTensor(dataType, dims, data));
    });
  fc.assert(
    fc.property(anyTensor, (tensor) => {
      const graph = new Graph('g');
      graph.addInitializer('t', tensor);
      const bytes = encodeModel(new Model({ graph, opsets: new Map([['', 21]]) }));
      const again = decode(bytes).graph.initializers.get('t')?.initializer;
      assert.ok(again !== undefined);
      assert.equal(describeTensor(again), describeTensor(tensor));
    }),
  );
});

test('random graphs survive a round trip', () => {
  const anyNode = fc.record({
    opType: fc.string({ minLength: 1 }),
    name: fc.string(),
    inputs: fc.array(fc.option(fc.nat(), { nil: undefined }), { maxLength: 4 }),
    outputs: fc.integer({ min: 1, max: 3 }),
  });
  fc.assert(
    fc.property(fc.array(anyNode, { maxLength: 30 }), (nodes) => {
      const graph = new Graph('g');
      const values = [graph.addInput('x')];
      for (const { opType, name, inputs, outputs } of nodes) {
        const chosen = inputs.map((index) => (index === undefined ? undefined : values[index % values.length]));
        while (chosen.length > 0 && chosen.at(-1) === undefined) chosen.pop();
        const node = graph.addNode({ opType, name, inputs: chosen, outputs });
        values.push(...node.outputs.filter((output) => output !== undefined));
      }
      const model = new Model({ graph, opsets: new Map([['', 21]]) });
      assert.equal(describeModel(decode(encodeModel(model))), describeModel(model));
    }),
  );
});

test('typed fields become raw little-endian bytes', () => {
  const hex = (fields: Parameters<typeof tensorOf>[0]): string =>
    Buffer.from(tensorOf(fields)?.bytes() ?? []).toString('hex');
  const code = (name: string): number => (isDataType(name) ? dataTypeCode(name) : 0);
  assert.is(hex({ dataType: code('float32'), dims: [2n], floatData: [1, -2] }), '0000803f000000c0');
  assert.is(hex({ dataType: code('complex64'), dims: [1n], floatData: [1, -2] }), '0000803f000000c0');
  assert.is(hex({ dataType: code('float64'), dims: [], doubleData: [1] }), '000000000000f03f');
  assert.is(hex({ dataType: code('int64'), dims: [1n], int64Data: [-2n] }), 'feffffffffffffff');
  assert.is(hex({ dataType: code('uint64'), dims: [1n], uint64Data: [2n ** 64n - 1n] }), 'ffffffffffffffff');
  assert.is(hex({ dataType: code('uint32'), dims: [1n], uint64Data: [2n ** 32n - 2n] }), 'feffffff');
  assert.is(hex({ dataType: code('int32'), dims: [1n], int32Data: [-2] }), 'feffffff');
  assert.is(hex({ dataType: code('int16'), dims: [2n], int32Data: [-2, 1] }), 'feff0100');
  assert.is(hex({ dataType: code('float16'), dims: [1n], int32Data: [0x3c00] }), '003c');
  assert.is(hex({ dataType: code('bfloat16'), dims: [1n], int32Data: [0x3f80] }), '803f');
  assert.is(hex({ dataType: code('int8'), dims: [2n], int32Data: [-1, 5] }), 'ff05');
  assert.is(hex({ dataType: code('bool'), dims: [2n], int32Data: [0, 1] }), '0001');
  assert.is(hex({ dataType: code('uint4'), dims: [3n], int32Data: [0x21, 0x03] }), '2103');
});

test('tensors that contradict themselves are refused', () => {
  const refusesTensor = (fields: Parameters<typeof tensorOf>[0], message: RegExp): void =>
    refuses(modelOf({ initializer: [{ name: 'weight', ...fields }] }), message);
  refusesTensor({ dataType: 1, dims: [2n], rawData: new Uint8Array(4) }, /"weight" has data of the wrong size/);
  refusesTensor({ dataType: 1, dims: [2n], floatData: [1] }, /"weight" has data of the wrong size/);
  refusesTensor({ dataType: 1, dims: [2n] }, /"weight" has data of the wrong size/);
  refusesTensor({ dataType: 1, dims: [-1n], rawData: new Uint8Array(4) }, /impossible shape \[-1\]/);
  refusesTensor({ dataType: 1, dims: [2n ** 32n, 2n ** 32n], rawData: new Uint8Array(4) }, /impossible shape/);
  refusesTensor({ dataType: 1, dims: [2n ** 62n, 4n], rawData: new Uint8Array(4) }, /impossible shape/);
  refusesTensor({ dataType: 99, dims: [] }, /unknown element type 99/);
  refusesTensor({ dataType: 0, dims: [] }, /unknown element type 0/);
  refusesTensor({ dataType: 8, dims: [2n], stringData: [new Uint8Array(1)] }, /wrong size/);
  refusesTensor({ dataType: 8, dims: [1n], stringData: [Uint8Array.of(0xff)] }, /not UTF-8/);
  refusesTensor({ dataType: 8, dims: [1n], dataLocation: 1 }, /strings in another file/);
  refusesTensor({ dataType: 1, dims: [], segment: { begin: 0n, end: 1n } }, /segments/);
});

test('graphs that contradict themselves are refused', () => {
  const one = { name: 'w', dataType: 1, dims: [], floatData: [1] };
  refuses(modelOf({ initializer: [one, one] }), /two initializers named "w"/);
  refuses(modelOf({ initializer: [{ ...one, name: '' }] }), /value without a name/);
  refuses(modelOf({ input: [{ name: 'x' }, { name: 'x' }] }), /defines "x" twice/);
  refuses(modelOf({ input: [{ name: 'x' }], node: [{ opType: 'Relu', output: ['x'] }] }), /defines "x" twice/);
  refuses(modelOf({ node: [{ opType: 'Split', output: ['x', 'x'] }] }), /two outputs of the same name/);
  refuses(modelOf({ node: [{ opType: 'Relu', name: 'n', input: ['lost'], output: ['y'] }] }), /unknown input "lost"/);
  refuses(modelOf({ node: [{ name: 'n', output: ['y'] }] }), /without an operator/);
  refuses(modelOf({ node: [{ opType: 'Relu', name: 'n', input: ['y'], output: ['y'] }] }), /cycle/);
  refuses(modelOf({ output: [{ name: 'y' }] }), /does not compute its output "y"/);
  refuses(modelOf({ input: [{ name: 'x' }], output: [{ name: 'x' }, { name: 'x' }] }), /two outputs named "x"/);
  refuses(modelOf({ node: [{ opType: 'A', attribute: [{ name: 'a' }] }] }), /"a" has no value of a supported type/);
  refuses(modelOf({ node: [{ opType: 'A', attribute: [{ name: 'a', type: 4 }] }] }), /no value of a supported type/);
  const value = { name: 'a', type: 2 };
  refuses(modelOf({ node: [{ opType: 'A', attribute: [value, value] }] }), /two attributes "a"/);
  const body = { node: [{ opType: 'Relu', output: ['x'] }] };
  const branch = { opType: 'If', attribute: [{ name: 'then_branch', type: 5, g: body }] };
  refuses(modelOf({ input: [{ name: 'x' }], node: [branch] }), /defines "x" twice/);
  refuses(modelOf({ node: [{ opType: 'Relu', output: ['x'] }, branch] }), /defines "x" twice/);
  refuses(modelOf({ sparseInitializer: [{}] }), /sparse/);
});

test('a body may use a name of an output that is not there yet around it', () => {
  const body = {
    name: 'body',
    node: [
      { opType: 'Relu', input: ['x'], output: ['y'] },
      { opType: 'Abs', input: ['y'], output: ['z'] },
    ],
    output: [{ name: 'z' }],
  };
  const branch = {
    ...{ opType: 'If', input: ['x'], output: ['z'] },
    attribute: ['then_branch', 'else_branch'].map((name) => ({ name, type: 5, g: body })),
  };
  const later = { opType: 'Neg', input: ['z'], output: ['y'] };
  const { graph } = decode(modelOf({ input: [{ name: 'x' }], node: [branch, later], output: [{ name: 'y' }] }));
  const [choice, negated] = graph.nodes;
  assert.is(graph.outputs[0]?.producer, negated);
  assert.is(negated?.inputs[0], choice?.output);
  for (const inner of choice?.bodies ?? []) {
    const [first, second] = inner.nodes;
    assert.is(first?.inputs[0], graph.inputs[0]);
    assert.is(second?.inputs[0], first?.output);
    assert.equal(inner.outputs, second?.outputs);
    assert.is(inner.visibleValue('y'), graph.outputs[0]);
  }
  assert.is(choice?.bodies.length, 2);
});

test('what ONNX Runtime does not load is refused', () => {
  refuses(modelOf({}, { irVersion: 14n }), /IR version 14/);
  refuses(modelOf({}, { irVersion: 0n }), /IR version 0/);
  refuses(modelOf({}, { opsetImport: [] }), /no operator set/);
  for (const version of [0n, 27n, 2n ** 62n]) {
    const bytes = toBinary(
      ModelProtoSchema,
      create(ModelProtoSchema, { irVersion: 10n, graph: {}, opsetImport: [{ domain: 'ai.onnx', version }] }),
    );
    refuses(bytes, /opset \d+ of ai\.onnx/);
  }
  refuses(new Uint8Array(), /no graph/);
});

test('nodes in any order are sorted', () => {
  const { graph } = decode(
    modelOf({
      node: [
        { opType: 'Neg', name: 'second', input: ['a'], output: ['b'] },
        { opType: 'Relu', name: 'first', input: ['x'], output: ['a'] },
      ],
      input: [{ name: 'x' }],
      output: [{ name: 'b' }],
    }),
  );
  assert.equal(
    graph.nodes.map(({ name }) => name),
    ['first', 'second'],
  );
});

test('attributes without a form of their own keep their bytes', () => {
  const attribute = [
    { name: 'text', type: 3, s: Uint8Array.of(0xff, 0xfe) },
    { name: 'type', type: 13, tp: { value: { case: 'tensorType' as const, value: { elemType: 1 } } } },
  ];
  const bytes = modelOf({ node: [{ opType: 'Odd', name: 'odd', output: ['y'], attribute }] });
  const again = decode(encodeModel(decode(bytes)));
  assert.equal(describeModel(again), describeModel(decode(bytes)));
  assert.is(again.graph.nodes[0]?.attributes.get('text')?.type, 'encoded');
});

test('a value that hides the one a subgraph reads can not be written', () => {
  const graph = new Graph('main');
  const outer = graph.addInput('outer');
  const body = new Graph('body', graph);
  body.addNode({ name: 'reader', opType: 'Relu', inputs: [outer], outputs: 1 });
  body.addInput('inner');
  graph.addNode({
    name: 'if',
    opType: 'If',
    inputs: [],
    outputs: 1,
    attributes: { then_branch: { type: 'graph', value: body } },
  });
  graph.rename(outer, 'inner');
  assert.throws(() => encodeModel(new Model({ graph, opsets: new Map([['', 21]]) })), /hidden by another value/);
});

test.run();
