import { realpathSync } from 'node:fs';
import type { Model } from '../../onnx/model.js';
import type { Node, Value } from '../../onnx/node.js';
import { valuesRead } from '../../onnx/order.js';
import type { Engine, NamedTensors } from '../../ort/engine.js';
import type { TensorData } from '../../ort/tensor-data.js';
import { tensorOver } from '../../ort/tensor-data.js';
import { fullMask, tokenTensor } from '../decoder-inputs.js';
import type { DecoderSizes } from '../decoder-sizes.js';
import { openModelSession } from '../graph-session.js';
import type { DecoderPorts } from './ports.js';

/** One call of an exported model, and what each of its nodes computed. */
export interface Probe {
  /** Tokens that were read before. */
  readonly past: number;
  readonly ids: readonly number[];
  readonly values: ReadonlyMap<Value, TensorData>;
}

/** Constants from here on are not computed: they are weights. */
const largestConstantBytes = 2 ** 16;

/**
 * Runs an exported model twice on a few tokens and keeps every value but those that are computed from weights alone. A
 * model with caches goes on where its first call ended; one without reads a longer text.
 */
export function runProbes(
  engine: Engine,
  model: Model,
  ports: DecoderPorts,
  sizes: DecoderSizes,
  directory: string,
): readonly Probe[] {
  const { graph } = model;
  const fetched = graph.nodes.flatMap((node) =>
    isFromWeights(node) ? [] : node.outputs.filter((output) => output !== undefined),
  );
  const added = fetched.filter(({ isGraphOutput }) => !isGraphOutput);
  for (const value of added) graph.addOutput(value);
  const session = openModelSession(engine, model, realpathSync(directory), {
    graphOptimization: 'disabled',
    prepack: false,
  });
  for (const value of added) graph.removeOutput(value);
  const run = (past: number, ids: readonly number[], caches: NamedTensors): Probe => {
    const outputs = session.run(
      { ...feedsOf(ports, past, ids), ...caches },
      fetched.map(({ name }) => name),
    );
    const values = fetched.flatMap((value) => {
      const data = outputs[value.name];
      return data === undefined ? [] : [[value, data] as const];
    });
    return { past, ids, values: new Map(values) };
  };
  try {
    const ids = probeIds(sizes);
    const first = run(0, ids.slice(0, 3), emptyCaches(ports, sizes));
    const second = ports.caches.length > 0 ? run(3, ids.slice(3), presentCaches(ports, first)) : run(0, ids, {});
    return [first, second];
  } finally {
    session.release();
  }
}

/** The inputs for a call, caches apart, as far as the graph has them. */
export function feedsOf({ tokens, mask, positions }: DecoderPorts, past: number, ids: readonly number[]): NamedTensors {
  const places = ids.map((_, index) => past + index);
  return {
    [tokens.name]: tokenTensor(ids),
    ...(mask === undefined ? {} : { [mask.name]: fullMask(past + ids.length) }),
    ...(positions === undefined ? {} : { [positions.name]: tokenTensor(places) }),
  };
}

/** Caches with `length` tokens of zeros. */
export function emptyCaches(
  { caches }: DecoderPorts,
  { keyValueHeads, headSize }: DecoderSizes,
  length = 0,
): NamedTensors {
  const dims = [1, keyValueHeads, length, headSize];
  return Object.fromEntries(
    caches.map(({ past }) => {
      const dataType = past.type?.dataType === 'float16' ? 'float16' : 'float32';
      const bytes = keyValueHeads * length * headSize * (dataType === 'float16' ? 2 : 4);
      return [past.name, tensorOver(dataType, dims, new ArrayBuffer(bytes))];
    }),
  );
}

function presentCaches({ caches }: DecoderPorts, { values }: Probe): NamedTensors {
  return Object.fromEntries(
    caches.flatMap(({ past, present }) => {
      const tensor = values.get(present);
      return tensor === undefined ? [] : [[past.name, tensor] as const];
    }),
  );
}

/** Five tokens spread over the vocabulary. */
function probeIds({ vocabulary }: DecoderSizes): number[] {
  return Array.from({ length: 5 }, (_, index) => Math.floor(((index * 0.618033988749895) % 1) * vocabulary));
}

/** Whether a node reads nothing but constants, a weight among them. */
function isFromWeights(node: Node): boolean {
  const read = [...valuesRead(node)];
  return read.length > 0 && read.every(isConstant) && read.some(isLarge);
}

function isConstant(value: Value): boolean {
  if (value.initializer !== undefined) return true;
  return value.producer !== undefined && [...valuesRead(value.producer)].every(isConstant);
}

function isLarge(value: Value): boolean {
  if (value.initializer !== undefined) return value.initializer.byteLength > largestConstantBytes;
  return value.producer !== undefined && isFromWeights(value.producer);
}
