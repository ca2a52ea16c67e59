import { functionDomain } from '../../src/models/functions.js';
import { defineQuantizedMatMul, defineQuantizedMatMul16 } from '../../src/models/quantized-matmul.js';
import { int } from '../../src/onnx/attribute.js';
import { Graph } from '../../src/onnx/ir.js';
import { Model } from '../../src/onnx/model.js';
import { type Tensor, tensorFrom, tensorFromFloat32 } from '../../src/onnx/tensor.js';
import type { Engine, Session } from '../../src/ort/engine.js';
import { isTensorOf } from '../../src/ort/tensor-data.js';
import type { OperatorSource } from '../../src/runtime/devices/device.js';
import { roleOf } from '../../src/runtime/operators.js';

interface OperatorDescription {
  readonly opType: string;
  readonly domain?: string;
  readonly constants: readonly Tensor[];
  readonly attributes?: { readonly [name: string]: number };
}

/** A model of one linear operator with float32 activations `x` and output `y`. */
export function operatorSource(engine: Engine, description: OperatorDescription): OperatorSource {
  const { opType, domain = '', constants, attributes = {} } = description;
  const graph = new Graph('operator');
  const opsets = new Map([['', 20]]);
  if (domain !== '') opsets.set(domain, 1);
  const model = new Model({ graph, opsets });
  if (opType === 'DynamicQuantizedMatMul') defineQuantizedMatMul(model);
  if (opType === 'DynamicQuantizedMatMul16') defineQuantizedMatMul16(model);
  const inputs = [graph.addInput('x', { dataType: 'float32', shape: ['batch', 'sequence', undefined] })];
  constants.forEach((tensor, index) => {
    inputs.push(graph.addInitializer(`constant_${index}`, tensor));
  });
  const encoded = Object.fromEntries(Object.entries(attributes).map(([name, value]) => [name, int(value)]));
  const node = graph.addNode({ opType, domain, name: 'layer.fc1', inputs, outputs: ['y'], attributes: encoded });
  graph.addOutput(node.output);
  const role = roleOf(node);
  if (!role.isLinear) throw new Error(role.reason);
  return { operator: role.operator, engine, model, node, directory: import.meta.dirname };
}

/** AMD's QLinear with one scale. */
export function qlinearSource(
  engine: Engine,
  codes: Int8Array,
  k: number,
  scale: number,
  bits: 8 | 16,
): OperatorSource {
  return operatorSource(engine, {
    opType: bits === 8 ? 'DynamicQuantizedMatMul' : 'DynamicQuantizedMatMul16',
    domain: functionDomain,
    constants: [tensorFrom('int8', [k, codes.length / k], codes), tensorFrom('float32', [], Float32Array.of(scale))],
  });
}

export function floatSource(engine: Engine, values: Float32Array, k: number): OperatorSource {
  return operatorSource(engine, { opType: 'MatMul', constants: [tensorFromFloat32([k, values.length / k], values)] });
}

/** Runs an operator on `rows` rows and returns y. */
export function multiply(session: Session, activations: Float32Array, rows: number): Float32Array {
  const dims = [1, rows, activations.length / rows];
  const { y } = session.run({ x: { dataType: 'float32', dims, data: activations } });
  if (y === undefined || !isTensorOf(y, 'float32')) throw new Error('the operator has no float32 output');
  return y.data;
}

/** Numbers from -1 to 1, the same each time. */
export function pseudoRandom(count: number, seed = 1): Float32Array {
  let state = seed;
  return Float32Array.from({ length: count }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 31 - 1;
  });
}

export function randomCodes(count: number, seed = 1): Int8Array {
  return Int8Array.from(pseudoRandom(count, seed), (value) => Math.round(value * 127.5 - 0.5));
}

/** The bits of floats: equal only if the numbers are, NaN included. */
export function bitsOf(values: Float32Array): number[] {
  return [...new Uint32Array(values.buffer, values.byteOffset, values.length)];
}
