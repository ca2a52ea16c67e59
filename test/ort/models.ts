import { codeOfDataType, type DataType, type TensorData, tensorOver } from '../../src/ort/tensor-data.js';
import { encodeModel, type NodeSpec, type ValueSpec } from './encode-model.js';

export function value(dataType: DataType, ...dims: (number | string)[]): ValueSpec {
  return { type: codeOfDataType(dataType), dims };
}

export function floats(dims: readonly number[], elements: readonly number[]): TensorData<'float32'> {
  return tensorOver('float32', dims, Float32Array.from(elements).buffer);
}

export function int8s(dims: readonly number[], elements: readonly number[]): TensorData<'int8'> {
  return tensorOver('int8', dims, Int8Array.from(elements).buffer);
}

export function int32s(dims: readonly number[], elements: readonly number[]): TensorData<'int32'> {
  return tensorOver('int32', dims, Int32Array.from(elements).buffer);
}

/** Reproducible values in [-1, 1). */
export function noise(count: number, seed: number): number[] {
  let state = seed;
  return Array.from({ length: count }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 31 - 1;
  });
}

/** y[rows, 2] = x[rows, 3] · [[1, 2], [3, 4], [5, 6]] */
export const matMul = encodeModel({
  inputs: { x: value('float32', 'rows', 3) },
  outputs: { y: value('float32', 'rows', 2) },
  nodes: [{ op: 'MatMul', inputs: ['x', 'w'], outputs: ['y'] }],
  initializers: { w: floats([3, 2], [1, 2, 3, 4, 5, 6]) },
});

/** Attention over a cache of `capacity` positions: 4 query heads, 2 key and value heads of 8. */
export const cachedAttention = encodeModel({
  inputs: {
    query: value('float32', 1, 'tokens', 32),
    key: value('float32', 1, 'tokens', 16),
    value: value('float32', 1, 'tokens', 16),
    pastKey: value('float32', 1, 2, 'capacity', 8),
    pastValue: value('float32', 1, 2, 'capacity', 8),
    lastPosition: value('int32', 1),
    totalLength: value('int32', 1),
  },
  outputs: {
    output: value('float32', 1, 'tokens', 32),
    presentKey: value('float32', 1, 2, 'capacity', 8),
    presentValue: value('float32', 1, 2, 'capacity', 8),
  },
  nodes: [
    {
      op: 'GroupQueryAttention',
      domain: 'com.microsoft',
      inputs: ['query', 'key', 'value', 'pastKey', 'pastValue', 'lastPosition', 'totalLength'],
      outputs: ['output', 'presentKey', 'presentValue'],
      attributes: { num_heads: 4n, kv_num_heads: 2n },
    },
  ],
});

const quantizedLinearNodes: readonly NodeSpec[] = [
  { op: 'Constant', inputs: [], outputs: ['most'], attributes: { value_float: 127 } },
  { op: 'Constant', inputs: [], outputs: ['least'], attributes: { value_float: -128 } },
  { op: 'Abs', inputs: ['x'], outputs: ['magnitudes'] },
  { op: 'ReduceMax', inputs: ['magnitudes'], outputs: ['magnitude'], attributes: { keepdims: 0n } },
  { op: 'Div', inputs: ['magnitude', 'most'], outputs: ['step'] },
  { op: 'Div', inputs: ['x', 'step'], outputs: ['steps'] },
  { op: 'Round', inputs: ['steps'], outputs: ['rounded'] },
  { op: 'Clip', inputs: ['rounded', 'least', 'most'], outputs: ['clipped'] },
  { op: 'Cast', inputs: ['clipped'], outputs: ['quantized'], attributes: { to: 3n } },
  { op: 'MatMulInteger', inputs: ['quantized', 'w'], outputs: ['sums'] },
  { op: 'Cast', inputs: ['sums'], outputs: ['exact'], attributes: { to: 1n } },
  { op: 'Mul', inputs: ['exact', 'step'], outputs: ['stepped'] },
  { op: 'Mul', inputs: ['stepped', 'scale'], outputs: ['y'] },
];

/** The nodes of one linear layer, with names of its own. */
function inlined(layer: number, x: string, y: string): NodeSpec[] {
  const outer = new Map([
    ['x', x],
    ['y', y],
  ]);
  const rename = (name: string): string => outer.get(name) ?? `${name}${layer}`;
  return quantizedLinearNodes.map((node) => ({
    ...node,
    inputs: node.inputs.map(rename),
    outputs: node.outputs.map(rename),
  }));
}

/**
 * A chain of `layers` linear layers of size × size with int8 weights and dynamically quantized int8 activations, each a
 * call of a model-local function or written out.
 */
export function quantizedChain(layers: number, size: number, form: 'functions' | 'inlined'): Uint8Array {
  const initializers: { [name: string]: TensorData } = {};
  const nodes: NodeSpec[] = [];
  for (let layer = 0; layer < layers; layer++) {
    const weights = noise(size * size, layer + 1).map((element) => Math.trunc(element * 128));
    initializers[`w${layer}`] = int8s([size, size], weights);
    initializers[`scale${layer}`] = floats([], [0.01 + layer / 1000]);
    const x = layer === 0 ? 'x' : `h${layer}`;
    const y = layer === layers - 1 ? 'y' : `h${layer + 1}`;
    if (form === 'inlined') nodes.push(...inlined(layer, x, y));
    else nodes.push({ op: 'Linear', domain: 'test', inputs: [x, `w${layer}`, `scale${layer}`], outputs: [y] });
  }
  return encodeModel({
    inputs: { x: value('float32', 'rows', size) },
    outputs: { y: value('float32', 'rows', size) },
    nodes,
    initializers,
    functions:
      form === 'inlined'
        ? []
        : [
            {
              domain: 'test',
              name: 'Linear',
              inputs: ['x', 'w', 'scale'],
              outputs: ['y'],
              nodes: quantizedLinearNodes,
            },
          ],
  });
}
