import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { functionDomain } from '../../src/models/functions.js';
import { defineTokenQuantizedMatMul, tokenQuantizedMatMulType } from '../../src/models/quantized-matmul.js';
import { encodeModel } from '../../src/onnx/encode-model.js';
import { Graph } from '../../src/onnx/ir.js';
import { Model } from '../../src/onnx/model.js';
import { tensorFrom } from '../../src/onnx/tensor.js';
import { openEngine } from '../../src/ort/open-engine.js';
import { pseudoRandom, randomCodes } from '../runtime/operator-fixtures.js';

const [tokens, rows, columns] = [5, 48, 7];
const engine = await openEngine({ threads: 1 });
test.after(() => engine.close());

/** round half to even */
function round(value: number): number {
  const floor = Math.floor(value);
  const distance = value - floor;
  if (distance !== 0.5) return Math.round(value);
  return floor % 2 === 0 ? floor : floor + 1;
}

test('each token is quantized by its own largest magnitude', () => {
  const graph = new Graph('product');
  const model = new Model({ graph, opsets: new Map([['', 24]]) });
  defineTokenQuantizedMatMul(model);
  const codes = randomCodes(rows * columns, 3);
  const weightScales = Float32Array.from({ length: columns }, (_, column) => 0.01 * (column + 1));
  const node = graph.addNode({
    opType: tokenQuantizedMatMulType,
    domain: functionDomain,
    name: 'layer',
    inputs: [
      graph.addInput('x', { dataType: 'float32', shape: [1, 'tokens', rows] }),
      graph.addInitializer('codes', tensorFrom('int8', [rows, columns], codes)),
      graph.addInitializer('scales', tensorFrom('float32', [columns], weightScales)),
    ],
    outputs: ['y'],
  });
  node.output.type = { dataType: 'float32', shape: [1, 'tokens', columns] };
  graph.addOutput(node.output);

  // Tokens of very different size, and one of zeros.
  const x = pseudoRandom(tokens * rows, 2).map(
    (value, index) => value * [1, 1000, 0, 1e-3, 5][Math.floor(index / rows)]!,
  );
  const session = engine.openSession({ bytes: encodeModel(model) });
  const { y } = session.run({ x: { dataType: 'float32', dims: [1, tokens, rows], data: x } });
  session.release();
  const found = y?.data as Float32Array;
  for (let token = 0; token < tokens; token++) {
    const values = x.subarray(token * rows, (token + 1) * rows);
    const largest = values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
    const scale = Math.max(Math.fround(largest / 128), 2 ** -126);
    for (let column = 0; column < columns; column++) {
      let sum = 0;
      for (const [row, value] of values.entries()) {
        const code = Math.min(127, Math.max(-128, round(Math.fround(value / scale))));
        sum += code * codes[row * columns + column]!;
      }
      const expected = sum * scale * weightScales[column]!;
      const error = Math.abs(found[token * columns + column]! - expected);
      assert.ok(error <= Math.abs(expected) * 4e-7, `token ${token}, column ${column}: ${error}`);
    }
  }
});

test.run();
