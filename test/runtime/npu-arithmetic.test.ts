import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { openModelDirectory } from '../../src/models/model-directory.js';
import { float32Of, int8Of } from '../../src/onnx/tensor.js';
import { openEngine } from '../../src/ort/open-engine.js';
import { isTensorOf } from '../../src/ort/tensor-data.js';
import { dequantize, gemmInt8, quantizeActivations } from '../../src/runtime/devices/npu/arithmetic.js';
import { deviceNamed } from '../../src/runtime/devices/registry.js';
import { placeOperators } from '../../src/runtime/placement.js';
import { openUnitSession } from '../../src/runtime/unit-sessions.js';
import { createModelFixtures } from './model-fixtures.js';

const fixtures = await createModelFixtures(1);
const engine = await openEngine({ threads: 2 });
test.after(async () => {
  engine.close();
  await fixtures.remove();
});

/** Numbers that look like activations: most small, a few large, the same each time. */
function activations(count: number, scale: number): Float32Array {
  let state = 12345;
  return Float32Array.from({ length: count }, (_, index) => {
    state = (Math.imul(state, 1103515245) + 12345) & 0x7fff_ffff;
    const value = (state / 0x4000_0000 - 1) * scale;
    return index % 97 === 0 ? value * 30 : value;
  });
}

/** Values that fall on ties when they are quantized: with a largest magnitude of 128 the scale is 1. */
function ties(count: number): Float32Array {
  return Float32Array.from({ length: count }, (_, index) => (index === 0 ? 128 : (index % 250) - 124.5));
}

const { model } = openModelDirectory(await fixtures.quantized('w8a8'));
const { offloaded } = placeOperators(model.graph.nodes, [deviceNamed('npu:stx')]);
const directory = await fixtures.quantized('w8a8');

for (const [node, { operator }] of offloaded) {
  test(`${node.name} on the NPU has the bits of AMD's arithmetic`, () => {
    const { k, n } = operator;
    const input = node.requireInput(0);
    input.type ??= { dataType: 'float32', shape: ['batch', 'sequence', k] };
    const session = openUnitSession(engine, model, [node], directory);
    const weights = int8Of(node.requireInput(1).initializer!);
    const [weightScale = Number.NaN] = float32Of(node.requireInput(2).initializer!);
    for (const rows of [1, 5]) {
      const cases = [
        activations(rows * k, 1),
        activations(rows * k, 1e-20),
        ties(rows * k),
        new Float32Array(rows * k),
      ];
      for (const data of cases) {
        const outputs = session.run({ [input.name]: { dataType: 'float32', dims: [1, rows, k], data } });
        const quantized = quantizeActivations(data);
        const product = gemmInt8(quantized.values, weights, { m: rows, k, n });
        const expected = dequantize(product, quantized.scale, weightScale);
        const actual = outputs[node.output.name];
        assert.ok(actual !== undefined && isTensorOf(actual, 'float32'));
        assert.equal(actual.dims, [1, rows, n]);
        assert.equal(new Int32Array(actual.data.buffer, actual.data.byteOffset, actual.data.length), bitsOf(expected));
      }
    }
    session.release();
  });
}

function bitsOf(values: Float32Array): Int32Array {
  return new Int32Array(values.buffer, values.byteOffset, values.length);
}

test('all six linear layers of a decoder layer are offloaded', () => {
  assert.is(offloaded.size, 6);
});

test.run();
