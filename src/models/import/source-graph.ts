import { intAttribute, intsAttribute } from '../../onnx/attribute.js';
import type { Graph } from '../../onnx/ir.js';
import type { Node, Value } from '../../onnx/node.js';
import { topologicalOrder, valuesRead } from '../../onnx/order.js';
import { MemoryTensor, type Tensor } from '../../onnx/tensor.js';
import { bytesOf, type TensorData } from '../../ort/tensor-data.js';
import type { DecoderPorts } from './ports.js';
import type { Probe } from './probes.js';
import { float32Weight, isFloatType, reshapedWeight, transposedWeight } from './weights.js';

/** Operators that tell the shape of a value and nothing of its contents. */
const shapeTypes: ReadonlySet<string> = new Set(['Shape', 'Size']);

/**
 * An exported graph, and what its values were when it ran. Values are of three sorts: those that depend on the contents
 * of tokens or caches; constants; and the rest, which follows from lengths alone, such as masks and positions.
 */
export class SourceGraph {
  readonly #contents = new Set<Value>();
  readonly #constants = new Map<Value, Tensor | undefined>();

  constructor(
    readonly graph: Graph,
    readonly ports: DecoderPorts,
    readonly probes: readonly Probe[],
  ) {
    this.#contents.add(ports.tokens);
    for (const { past } of ports.caches) this.#contents.add(past);
    for (const node of topologicalOrder(graph)) {
      if (shapeTypes.has(node.opType) || ![...valuesRead(node)].some((value) => this.#contents.has(value))) continue;
      for (const output of node.outputs) if (output !== undefined) this.#contents.add(output);
    }
  }

  /** Whether a value depends on what the tokens or the caches hold. */
  hasContents(value: Value): boolean {
    return this.#contents.has(value);
  }

  /** The dimensions a value had in the first call. */
  dims(value: Value): readonly number[] | undefined {
    const [probe] = this.probes;
    if (value === this.ports.tokens) return probe === undefined ? undefined : [1, probe.ids.length];
    return value.initializer?.dims ?? probe?.values.get(value)?.dims;
  }

  /** What a value was in each call. */
  valuesOf(value: Value): readonly TensorData[] {
    return this.probes.flatMap(({ values }) => values.get(value) ?? []);
  }

  /** A value that is always the same, floats as float32. */
  constant(value: Value): Tensor | undefined {
    if (!this.#constants.has(value)) this.#constants.set(value, this.#findConstant(value));
    return this.#constants.get(value);
  }

  /** The number that a constant of one element is. */
  scalar(value: Value | undefined): number | undefined {
    const tensor = value === undefined ? undefined : this.constant(value);
    if (tensor === undefined || tensor.dims.some((size) => size !== 1)) return undefined;
    const bytes = Uint8Array.from(tensor.bytes()).buffer;
    if (tensor.dataType === 'float32') return new Float32Array(bytes)[0];
    if (tensor.dataType === 'int64') return Number(new BigInt64Array(bytes)[0]);
    return tensor.dataType === 'int32' ? new Int32Array(bytes)[0] : undefined;
  }

  #findConstant(value: Value): Tensor | undefined {
    if (value.isGraphInput || this.hasContents(value)) return undefined;
    if (value.initializer !== undefined) return float32Weight(value.initializer, value.name);
    return this.#fromWeight(value) ?? this.#alwaysTheSame(value);
  }

  /** Weights that are only stored in another form than they are used in. */
  #fromWeight(value: Value): Tensor | undefined {
    const node = value.producer;
    const input = node?.inputs[0];
    if (node === undefined || input === undefined) return undefined;
    const isSame = node.opType === 'Identity' || (node.opType === 'Cast' && castsFloat(node));
    if (isSame) {
      const tensor = this.constant(input);
      return tensor?.dataType === 'float32' ? tensor : undefined;
    }
    const tensor = input.initializer;
    if (node.opType === 'Reshape' && tensor !== undefined) {
      const shape = node.inputs[1]?.initializer;
      return shape === undefined ? undefined : reshapedWeight(tensor, shape);
    }
    const isTransposed = node.opType === 'Transpose' && tensor?.dims.length === 2 && isFloatType(tensor.dataType);
    const order = intsAttribute(node.attributes, 'perm') ?? [1, 0];
    return isTransposed && order[0] === 1 ? transposedWeight(tensor, input.name) : undefined;
  }

  #alwaysTheSame(value: Value): Tensor | undefined {
    const [first, ...others] = this.valuesOf(value);
    if (first === undefined || others.length + 1 !== this.probes.length) return undefined;
    const bytes = bytesOf(first.data);
    const isSame = others.every(
      (other) => String(other.dims) === String(first.dims) && Buffer.compare(bytesOf(other.data), bytes) === 0,
    );
    return isSame ? float32Weight(new MemoryTensor(first.dataType, first.dims, bytes), value.name) : undefined;
  }
}

function castsFloat(node: Node): boolean {
  const to = intAttribute(node.attributes, 'to');
  return to === 1 || to === 10 || to === 16 || to === 11;
}
