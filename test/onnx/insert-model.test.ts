import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { encodeModel } from '../../src/onnx/encode-model.js';
import { insertModel } from '../../src/onnx/insert-model.js';
import { Graph } from '../../src/onnx/ir.js';
import { Model } from '../../src/onnx/model.js';
import { openEngine } from '../../src/ort/open-engine.js';
import { assertLinked } from './links.js';
import { rows, sampleModel } from './sample-model.js';

const x = Float32Array.from({ length: 64 }, (_, index) => (index % 7) - 3);

test('a model inserted twice computes the same twice, with its functions, branches and weights', async () => {
  const model = sampleModel();
  for (const prefix of ['one/', 'two/']) {
    const outputs = insertModel(model, sampleModel(), prefix);
    assert.equal(
      outputs.map(({ name }) => name),
      [`${prefix}y`, `${prefix}unpacked`],
    );
    for (const output of outputs) model.graph.addOutput(output);
  }
  assert.is(model.functions.length, 1);
  assertLinked(model.graph);
  const names = model.graph.nodes.map(({ name }) => name);
  assert.is(new Set(names).size, names.length);
  const engine = await openEngine({ threads: 1 });
  const session = engine.openSession({ bytes: encodeModel(model) });
  const found = session.run({
    x: { dataType: 'float32', dims: [2, 32], data: x },
    choose: { dataType: 'bool', dims: [], data: Uint8Array.of(1) },
  });
  engine.close();
  assert.ok(found.y!.data.some((value) => value !== 0));
  for (const prefix of ['one/', 'two/']) assert.equal(found[`${prefix}y`], found.y);
});

test('operator sets come along where the model has none', () => {
  const graph = new Graph('empty');
  graph.addInput('x', rows);
  graph.addInput('choose', { dataType: 'bool', shape: [] });
  const model = new Model({ graph, opsets: new Map([['', 23]]) });
  insertModel(model, sampleModel(), '');
  assert.equal(
    [...model.opsets],
    [
      ['', 23],
      ['quern.test', 1],
    ],
  );
});

test('what a model reads has to be there', () => {
  const model = new Model({ graph: new Graph('empty'), opsets: new Map() });
  assert.throws(() => insertModel(model, sampleModel(), ''), /the model has no value x/);
});

test.run();
