import { QuernError } from '../errors.js';
import { dataTypeOfCode } from './data-type.js';
import { type AttributeContext, decodeAttribute } from './decode-attribute.js';
import { DecodeNames } from './decode-names.js';
import { decodeTensor, type ExternalResolver } from './decode-tensor.js';
import { Graph } from './ir.js';
import type { Dimension, Node, Value, ValueType } from './node.js';
import { CycleError } from './order.js';
import type {
  GraphProto,
  NodeProto,
  StringStringEntryProto,
  TensorShapeProto_Dimension,
  ValueInfoProto,
} from './proto/onnx_pb.js';

/** Fills an empty graph. Nodes may stand in any order: they are sorted if they are not. */
export function decodeGraph(
  proto: GraphProto,
  graph: Graph,
  resolve: ExternalResolver,
  names = new DecodeNames(),
): void {
  if (proto.sparseInitializer.length > 0) throw broken(graph, 'has sparse initializers, which are not supported');
  graph.docString = proto.docString;
  decodeEntries(proto.metadataProps, graph.metadata);
  for (const { name, type } of proto.input) graph.addInput(names.define(graph, name), decodeType({ type }));
  for (const initializer of proto.initializer) {
    const { name } = initializer;
    const input = names.own(graph, name);
    if (input?.initializer !== undefined) throw broken(graph, `has two initializers named "${name}"`);
    const tensor = decodeTensor(initializer, resolve);
    if (input === undefined) graph.addInitializer(names.define(graph, name), tensor);
    else graph.setInitializer(input, tensor);
  }
  decodeNodes(proto.node, graph, resolve, names);
  for (const { name, type } of proto.output) {
    const value = decodeOutput(graph, name, names);
    value.type = decodeType({ type }) ?? value.type;
  }
  decodeValueInfo(proto.valueInfo, graph, names);
}

/** Gives the values of a graph that have no type yet the one that is noted for them. */
export function decodeValueInfo(protos: readonly ValueInfoProto[], graph: Graph, names = new DecodeNames()): void {
  for (const { name, type } of protos) {
    const value = names.own(graph, name);
    if (value !== undefined && value.type === undefined) value.type = decodeType({ type });
  }
}

/** Makes the value `name` of a graph its next output. */
export function decodeOutput(graph: Graph, name: string, names = new DecodeNames()): Value {
  const value = names.own(graph, name);
  if (value === undefined) throw broken(graph, `does not compute its output "${name}"`);
  if (value.isGraphOutput) throw broken(graph, `has two outputs named "${name}"`);
  graph.addOutput(value);
  return value;
}

/** Adds nodes, connects them and sorts them. */
export function decodeNodes(
  protos: readonly NodeProto[],
  graph: Graph,
  resolve: ExternalResolver,
  names = new DecodeNames(),
): void {
  const nodes = protos.map((proto) => ({ proto, node: addUnconnected(proto, graph, names) }));
  for (const { node } of nodes) names.begin(node);
  for (const { proto, node } of nodes) {
    for (const [index, name] of proto.input.entries()) {
      if (name !== '') node.setInput(index, namedInput(node, name, names));
    }
    const context: AttributeContext = {
      resolve,
      decodeBody: (body) => {
        const inner = new Graph(body.name, graph);
        decodeGraph(body, inner, resolve, names);
        return inner;
      },
    };
    for (const attribute of proto.attribute) {
      if (node.attributes.has(attribute.name)) {
        throw broken(graph, `has a node "${node.name}" with two attributes "${attribute.name}"`);
      }
      node.setAttribute(attribute.name, decodeAttribute(attribute, `node "${node.name}"`, context));
    }
    names.end(node);
  }
  try {
    graph.sort();
  } catch (error) {
    if (error instanceof CycleError) throw broken(graph, `has a cycle: ${error.message}`);
    throw error;
  }
}

/** A node whose outputs other nodes can refer to before its own inputs are looked up. */
function addUnconnected(proto: NodeProto, graph: Graph, scope: DecodeNames): Node {
  if (proto.opType === '') throw broken(graph, `has a node "${proto.name}" without an operator`);
  const names = proto.output.map((name) => (name === '' ? '' : scope.define(graph, name)));
  const used = names.filter((name) => name !== '');
  if (new Set(used).size !== used.length) {
    throw broken(graph, `has a node "${proto.name}" with two outputs of the same name`);
  }
  const node = graph.addNode({
    name: proto.name,
    opType: proto.opType,
    domain: proto.domain,
    overload: proto.overload,
    inputs: proto.input.map(() => undefined),
    outputs: names,
  });
  node.docString = proto.docString;
  decodeEntries(proto.metadataProps, node.metadata);
  return node;
}

function namedInput(node: Node, name: string, names: DecodeNames): Value {
  const value = names.visible(node.graph, name);
  if (value === undefined) throw broken(node.graph, `has a node "${node.name}" with an unknown input "${name}"`);
  return value;
}

export function decodeEntries(protos: readonly StringStringEntryProto[], entries: Map<string, string>): void {
  for (const { key, value } of protos) entries.set(key, value);
}

/** Only tensors have a type here: a value of another type counts as one whose type is not known. */
function decodeType({ type }: Pick<ValueInfoProto, 'type'>): ValueType | undefined {
  if (type?.value.case !== 'tensorType') return undefined;
  const { elemType, shape } = type.value.value;
  const dataType = dataTypeOfCode(elemType);
  if (dataType === undefined) return undefined;
  return shape === undefined ? { dataType } : { dataType, shape: shape.dim.map(decodeDimension) };
}

function decodeDimension({ value }: TensorShapeProto_Dimension): Dimension {
  if (value.case === 'dimParam') return value.value === '' ? undefined : value.value;
  if (value.case !== 'dimValue') return undefined;
  const size = Number(value.value);
  return Number.isSafeInteger(size) && size >= 0 ? size : undefined;
}

function broken(graph: Graph, problem: string): QuernError {
  return new QuernError('input', `graph "${graph.name}" ${problem}`);
}
