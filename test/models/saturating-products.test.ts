import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { openModelSession } from '../../src/models/graph-session.js';
import { integerProductsSaturate } from '../../src/models/saturating-products.js';
import { Graph } from '../../src/onnx/ir.js';
import { Model } from '../../src/onnx/model.js';
import { MemoryTensor } from '../../src/onnx/tensor.js';
import { openEngine } from '../../src/ort/open-engine.js';
import { withTemporaryDirectory } from '../support/temporary.js';

const engine = await openEngine({ threads: 1 });

test('whether integer products saturate is the same however often it is asked', () => {
  assert.is(integerProductsSaturate(engine), integerProductsSaturate(engine));
});

test('products of a model are exact at the extremes, whatever the processor', () =>
  withTemporaryDirectory(async (directory) => {
    const [depth, columns] = [128, 48];
    const graph = new Graph('extremes');
    const activations = graph.addInput('activations', { dataType: 'uint8', shape: ['rows', depth] });
    const bytes = Uint8Array.from({ length: depth * columns }, (_, index) => (index % columns < 24 ? 127 : 128));
    const weights = graph.addInitializer('weights', new MemoryTensor('int8', [depth, columns], bytes));
    const inputs = [activations, weights];
    const { output } = graph.addNode({ opType: 'MatMulInteger', name: 'product', inputs, outputs: ['product'] });
    output.type = { dataType: 'int32', shape: ['rows', columns] };
    graph.addOutput(output);
    const session = openModelSession(engine, new Model({ graph, opsets: new Map([['', 24]]) }), directory);
    for (const rows of [1, 5, 64]) {
      const data = new Uint8Array(rows * depth).fill(255);
      const { product } = session.run({ activations: { dataType: 'uint8', dims: [rows, depth], data } });
      const expected = Array.from({ length: rows * columns }, (_, index) =>
        index % columns < 24 ? depth * 255 * 127 : depth * 255 * -128,
      );
      assert.equal([...product!.data], expected);
    }
    session.release();
  }));

test.after(() => engine.close());
test.run();
