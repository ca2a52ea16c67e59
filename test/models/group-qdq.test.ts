import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { groupQdqProducts } from '../../src/models/group-qdq.js';
import { encodeModel } from '../../src/onnx/encode-model.js';
import { openEngine } from '../../src/ort/open-engine.js';
import { roleOf } from '../../src/runtime/operators.js';
import { bitsOf, multiply, pseudoRandom } from '../runtime/operator-fixtures.js';
import { quantizedChain } from './qdq-model.js';

const engine = await openEngine({ threads: 1 });
test.after(() => engine.close());

function run(bytes: Uint8Array): number[] {
  const session = engine.openSession({ bytes });
  const y = multiply(session, pseudoRandom(5 * 64, 3), 5);
  session.release();
  return bitsOf(y);
}

test('products between quantization nodes become one node each, with the same results', () => {
  for (const options of [{}, { quantizesResult: false }, { quantizesActivations: false }, { hasZeroPoints: false }]) {
    const model = quantizedChain(options);
    const before = run(encodeModel(model, new Map()));
    assert.is(groupQdqProducts(model), 2);
    assert.equal(
      model.graph.nodes.map(({ name, opType }) => [name, opType.startsWith('QdqMatMul_')]),
      [
        ['first', true],
        ['second', true],
      ],
    );
    const whole = 'quantizesActivations' in options ? /_D\d+_M/ : /_Q\d+_D\d+_D\d+_M/;
    for (const { opType } of model.graph.nodes) assert.match(opType, whole);
    assert.equal(
      model.graph.outputs.map(({ name }) => name),
      ['y'],
    );
    assert.equal(run(encodeModel(model, new Map())), before, JSON.stringify(options));
    const role = roleOf(model.graph.nodes[0]!);
    assert.ok(role.isLinear);
    assert.equal([role.operator.operatorType, role.operator.k, role.operator.n], ['QdqMatMul', 64, 64]);
  }
});

test('a model without such products stays as it is', () => {
  const model = quantizedChain({ constantWeights: false });
  const before = model.graph.nodes.length;
  assert.is(groupQdqProducts(model), 0);
  assert.is(model.graph.nodes.length, before);
});

test.run();
