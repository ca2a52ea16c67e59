import type { Attribute } from '../onnx/attribute.js';
import { int } from '../onnx/attribute.js';
import type { Graph } from '../onnx/ir.js';
import type { Node, Value } from '../onnx/node.js';
import { replaceOutput } from '../onnx/replace-output.js';
import { int64Vector, LazyTensor, MemoryTensor, type Tensor } from '../onnx/tensor.js';
import { concatColumns, concatTensors, repeatedScales } from './concat-tensors.js';
import { findLinearLayers, type LinearLayer } from './linear-layers.js';
import type { NBitsProduct, QdqProduct, QLinearProduct, QOperatorProduct } from './quantized-products.js';
import { findKnownQuantizedProducts, findQuantizedProducts, type QuantizedProduct } from './quantized-products.js';

/** A product with constant weights, quantized or not. */
type Product = QuantizedProduct | FloatProduct;

interface FloatProduct {
  readonly form: 'float';
  readonly name: string;
  readonly node: Node;
  readonly input: Value;
  readonly output: Value;
  readonly rows: number;
  readonly columns: number;
  readonly weight: Value;
}

/**
 * Makes one product of those that read the same activations, as queries, keys and values do, or gate and up: weights side by
 * side, biases with them, and a Split behind. Fewer operators are dispatched. Returns how many products were joined.
 */
export function fuseProducts(graph: Graph): number {
  return fuseGroups(graph, findQuantizedProducts(graph), () => true);
}

/** As `fuseProducts`, but products of other forms than quern's are left alone, and those with more bytes of weights together. */
export function fuseSmallProducts(graph: Graph, largestBytes: number): number {
  const isSmall = (members: readonly Product[]): boolean =>
    members.reduce((sum, member) => sum + weightBytes(member), 0) <= largestBytes;
  return fuseGroups(graph, findKnownQuantizedProducts(graph), isSmall);
}

function weightBytes(product: Product): number {
  const { node } = product;
  const weight = product.form === 'float' ? product.weight : product.form === 'nbits' ? node.inputs[1] : product.codes;
  return weight?.initializer?.byteLength ?? 0;
}

function fuseGroups(
  graph: Graph,
  quantized: readonly QuantizedProduct[],
  accepts: (members: readonly Product[]) => boolean,
): number {
  const products = [...quantized, ...findLinearLayers(graph).flatMap(floatProduct)];
  const groups = new Map<string, Product[]>();
  for (const product of products) {
    if (product.output.isGraphOutput || product.output.useCount === 0) continue;
    const key = `${product.input.name}\n${kindOf(product)}`;
    groups.set(key, [...(groups.get(key) ?? []), product]);
  }
  const joined = [...groups.values()].filter((members) => members.length > 1 && accepts(members));
  for (const members of joined) fuse(graph, members);
  graph.removeUnused();
  graph.sort();
  return joined.reduce((sum, { length }) => sum + length, 0);
}

function floatProduct({ name, node, input, weight, inputFeatures, outputFeatures }: LinearLayer): FloatProduct[] {
  if (node.opType !== 'MatMul') return [];
  const sizes = { rows: inputFeatures, columns: outputFeatures };
  return [{ form: 'float', name, node, input, output: node.output, weight, ...sizes }];
}

/** What has to be the same of products that are joined. */
function kindOf(product: Product): string {
  const attributes = [...product.node.attributes].map(([name, { value }]) => `${name}=${name === 'N' ? '' : value}`);
  const hasZeroPoints = product.form === 'nbits' && product.hasZeroPoints;
  const activations = product.form === 'qdq' ? product.activations.name : '';
  return [product.form, product.node.opType, product.rows, hasZeroPoints, activations, ...attributes.sort()].join(' ');
}

function fuse(graph: Graph, members: readonly Product[]): void {
  const [first] = members;
  if (first === undefined) throw new Error('there is nothing to join');
  const name = graph.uniqueName(joinedName(members.map((member) => member.name)));
  const writer = new FusedWriter(graph, name, first.node);
  const product = fusedProduct(writer, members);
  const biases = members.map(({ output }) => biasOf(output));
  const isBiased = biases.every((bias) => bias !== undefined);
  const result = isBiased
    ? writer.biased(
        product,
        biases.map(({ value }) => value),
      )
    : product;
  const outputs = isBiased ? biases.map(({ node }) => node.output) : members.map(({ output }) => output);
  writer.split(
    result,
    outputs,
    members.map(({ columns }) => columns),
  );
}

/** The Add of a constant for each column that is all there is to read a product. */
function biasOf(product: Value): { readonly node: Node; readonly value: Value } | undefined {
  const [use, ...others] = product.uses;
  if (use === undefined || others.length > 0 || use.node.domain !== '' || use.node.opType !== 'Add') return undefined;
  const value = use.node.inputs[1 - use.index];
  return value?.initializer?.dims.length === 1 && !use.node.output.isGraphOutput
    ? { node: use.node, value }
    : undefined;
}

/** `a.q_proj` and `a.k_proj` are `a.q_proj+k_proj`. */
function joinedName(names: readonly string[]): string {
  const [first = '', ...others] = names;
  const parent = first.slice(0, first.lastIndexOf('.') + 1);
  return [first, ...others.map((name) => (name.startsWith(parent) ? name.slice(parent.length) : name))].join('+');
}

function fusedProduct(writer: FusedWriter, members: readonly Product[]): Value {
  if (isAll(members, 'float')) return fusedFloat(writer, members);
  if (isAll(members, 'nbits')) return fusedNBits(writer, members);
  if (isAll(members, 'qlinear')) return fusedQLinear(writer, members);
  if (isAll(members, 'qoperator')) return fusedQOperator(writer, members);
  if (isAll(members, 'qdq')) return fusedQdq(writer, members);
  throw new Error('products of different forms are not joined');
}

function isAll<Form extends Product['form']>(
  members: readonly Product[],
  form: Form,
): members is readonly [Extract<Product, { form: Form }>, ...Extract<Product, { form: Form }>[]] {
  return members.every((member) => member.form === form);
}

type Several<Kind> = readonly [Kind, ...Kind[]];

function fusedFloat(writer: FusedWriter, members: Several<FloatProduct>): Value {
  const [{ input }] = members;
  return writer.product([input, writer.weights(members, (member) => member.weight)]);
}

/** Everything of MatMulNBits lies column by column. */
function fusedNBits(writer: FusedWriter, members: Several<NBitsProduct>): Value {
  const [{ input, hasZeroPoints }] = members;
  const parts = (hasZeroPoints ? [1, 2, 3] : [1, 2]).map((index) => {
    const values = members.map(({ node }) => node.requireInput(index));
    return writer.constant(values, concatTensors(values.map(tensorOf)));
  });
  const columns = members.reduce((sum, member) => sum + member.columns, 0);
  return writer.product([input, ...parts], { N: int(columns) });
}

function fusedQLinear(writer: FusedWriter, members: Several<QLinearProduct>): Value {
  const [{ input }] = members;
  return writer.product([input, writer.weights(members, ({ codes }) => codes), writer.scales(members)]);
}

function fusedQOperator(writer: FusedWriter, members: Several<QOperatorProduct>): Value {
  const [{ quantize }] = members;
  const [codes, scale, zeroPoint] = quantize.outputs;
  if (scale === undefined) throw new Error(`${quantize.name} has no scale`);
  const weightScales = writer.scales(members);
  const zeros = writer.zeroPoints(members, weightScales);
  const scales = writer.node('Mul', 'scales', [scale, weightScales]);
  const integers = writer.product([codes, writer.weights(members, (member) => member.codes), zeroPoint, zeros]);
  const floats = writer.node('Cast', 'cast', [integers], { to: int(1) });
  return writer.node('Mul', 'scaled', [floats, scales]);
}

function fusedQdq(writer: FusedWriter, members: Several<QdqProduct>): Value {
  const [{ activations }] = members;
  const scales = writer.scales(members);
  const parts = [writer.weights(members, ({ codes }) => codes), scales, writer.zeroPoints(members, scales)];
  return writer.product([activations, writer.node('DequantizeLinear', 'weight', parts, { axis: int(1) })]);
}

function tensorOf(value: Value): Tensor {
  if (value.initializer === undefined) throw new Error(`${value.name} is not a constant`);
  return value.initializer;
}

interface Columns {
  readonly rows: number;
  readonly columns: number;
}

/** Writes what stands in the place of several products. */
class FusedWriter {
  readonly #graph: Graph;
  readonly #name: string;
  /** The first of the products: what is written has its operator and attributes, and stands before it. */
  readonly #first: Node;

  constructor(graph: Graph, name: string, first: Node) {
    this.#graph = graph;
    this.#name = name;
    this.#first = first;
  }

  product(inputs: readonly (Value | undefined)[], attributes: { readonly [name: string]: Attribute } = {}): Value {
    const { opType, domain, attributes: original } = this.#first;
    const name = this.#name;
    const node = this.#graph.addNode({
      opType,
      domain,
      name,
      inputs,
      outputs: [this.#graph.uniqueName(name)],
      attributes: { ...Object.fromEntries(original), ...attributes },
      before: this.#first,
    });
    node.metadata.set('quern.module', name);
    return node.output;
  }

  node(
    opType: string,
    part: string,
    inputs: readonly Value[],
    attributes: { readonly [name: string]: Attribute } = {},
  ): Value {
    const name = this.#graph.uniqueName(`${this.#name}/${part}`);
    return this.#graph.addNode({ opType, name, inputs, outputs: [name], attributes, before: this.#first }).output;
  }

  /** `values` give the constant its name. */
  constant(values: readonly Value[], tensor: Tensor, part?: string): Value {
    const name = joinedName(values.map((value) => value.name));
    return this.#graph.addInitializer(this.#graph.uniqueName(part === undefined ? name : `${name}/${part}`), tensor);
  }

  /** Weights [K, N] side by side. */
  weights<Kind extends Columns>(members: Several<Kind>, weightOf: (member: Kind) => Value): Value {
    const values = members.map(weightOf);
    return this.constant(values, concatColumns(values.map(tensorOf), members[0].rows));
  }

  /** One scale for each column. */
  scales(members: Several<Columns & { readonly scale: Value }>): Value {
    const columns = members.reduce((sum, member) => sum + member.columns, 0);
    const parts = members.map((member) => ({ scale: tensorOf(member.scale), columns: member.columns }));
    const tensor = new LazyTensor('float32', [columns], () => repeatedScales(parts));
    return this.constant(
      members.map(({ scale }) => scale),
      tensor,
    );
  }

  /** int8 zeros, one for each column. `scales` give them their name. */
  zeroPoints(members: Several<Columns>, scales: Value): Value {
    const columns = members.reduce((sum, member) => sum + member.columns, 0);
    return this.constant([scales], new MemoryTensor('int8', [columns], new Uint8Array(columns)), 'zero_points');
  }

  biased(product: Value, biases: readonly Value[]): Value {
    return this.node('Add', 'bias', [product, this.constant(biases, concatTensors(biases.map(tensorOf)))]);
  }

  /** The parts of `result`, in the place of `outputs`. */
  split(result: Value, outputs: readonly Value[], columns: readonly number[]): void {
    const name = `${this.#name}/split`;
    const sizes = this.#graph.addInitializer(this.#graph.uniqueName(`${name}_sizes`), int64Vector(columns));
    const split = this.#graph.addNode({
      opType: 'Split',
      name: this.#graph.uniqueName(name),
      inputs: [result, sizes],
      outputs: outputs.length,
      attributes: { axis: int(-1) },
      before: this.#first,
    });
    for (const [index, output] of outputs.entries()) {
      const part = split.outputs[index];
      if (part === undefined) throw new Error('Split has an output for each part');
      replaceOutput(output, `${output.name}/part`, (temporary) => this.#graph.rename(part, temporary));
    }
  }
}
