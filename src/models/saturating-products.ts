import { encodeModel } from '../onnx/encode-model.js';
import { Graph } from '../onnx/ir.js';
import { Model } from '../onnx/model.js';
import { MemoryTensor } from '../onnx/tensor.js';
import type { Engine } from '../ort/engine.js';

const depth = 64;
const columns = 16;
const largest = { uint8: 255, int8: 127 } as const;

const known = new WeakMap<Engine, boolean>();

/**
 * Whether ONNX Runtime's integer products saturate on this processor unless `session.x64quantprecision` is set, as they do on
 * x64 processors without VNNI: their instructions add two products of uint8 and int8 in 16 bits. It is tried out, because
 * what a system says of its processor need not be what runs.
 */
export function integerProductsSaturate(engine: Engine): boolean {
  const saturate = known.get(engine) ?? tryOut(engine);
  known.set(engine, saturate);
  return saturate;
}

function tryOut(engine: Engine): boolean {
  const session = engine.openSession({ bytes: encodeModel(productOfLargest(), new Map()) });
  try {
    return [1, 8].some((rows) => {
      const data = new Uint8Array(rows * depth).fill(largest.uint8);
      const { product } = session.run({ activations: { dataType: 'uint8', dims: [rows, depth], data } });
      return Array.from(product!.data, Number).some((sum) => sum !== depth * largest.uint8 * largest.int8);
    });
  } finally {
    session.release();
  }
}

function productOfLargest(): Model {
  const graph = new Graph('saturation');
  const activations = graph.addInput('activations', { dataType: 'uint8', shape: ['rows', depth] });
  const bytes = new Uint8Array(depth * columns).fill(largest.int8);
  const weights = graph.addInitializer('weights', new MemoryTensor('int8', [depth, columns], bytes));
  const { output } = graph.addNode({
    opType: 'MatMulInteger',
    name: 'product',
    inputs: [activations, weights],
    outputs: ['product'],
  });
  output.type = { dataType: 'int32', shape: ['rows', columns] };
  graph.addOutput(output);
  return new Model({ graph, opsets: new Map([['', 24]]) });
}
