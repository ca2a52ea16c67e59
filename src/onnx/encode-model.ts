import { create, toBinary } from '@bufbuild/protobuf';
import { dataTypeCode } from './data-type.js';
import { encodeAttribute } from './encode-attribute.js';
import { type ExternalPlace, encodeTensor } from './encode-tensor.js';
import type { Graph } from './ir.js';
import type { FunctionDefinition, Model } from './model.js';
import type { Dimension, Node, Value, ValueType } from './node.js';
import {
  type AttributeProto,
  type FunctionProto,
  FunctionProtoSchema,
  type GraphProto,
  GraphProtoSchema,
  ModelProtoSchema,
  type NodeProto,
  NodeProtoSchema,
  type OperatorSetIdProto,
  OperatorSetIdProtoSchema,
  type StringStringEntryProto,
  StringStringEntryProtoSchema,
  type TensorShapeProto_Dimension,
  TensorShapeProto_DimensionSchema,
  TensorShapeProtoSchema,
  type TypeProto,
  TypeProto_TensorSchema,
  TypeProtoSchema,
  type ValueInfoProto,
  ValueInfoProtoSchema,
} from './proto/onnx_pb.js';
import type { Tensor } from './tensor.js';
import { irVersionOfOpset } from './versions.js';

/** The tensors of a model that are not in the model file itself. */
export type ExternalPlaces = ReadonlyMap<Tensor, ExternalPlace>;

/** `ModelProto` messages have to stay below this size. */
export const largestModelBytes = 2 ** 31 - 1;

/** Bytes of a `ModelProto`, the same ones for the same model. Initializers that have a place are only referred to. */
export function encodeModel(model: Model, places: ExternalPlaces = new Map()): Uint8Array {
  const proto = create(ModelProtoSchema, {
    irVersion: BigInt(Math.max(model.irVersion, irVersionOfOpset(model.opsets.get('') ?? 0))),
    opsetImport: encodeOpsets(model.opsets),
    producerName: model.producerName,
    producerVersion: model.producerVersion,
    graph: encodeGraph(model.graph, places),
    metadataProps: encodeEntries(model.metadata),
    functions: model.functions.map((definition) => encodeFunction(definition, places)),
  });
  if (model.domain !== '') proto.domain = model.domain;
  if (model.modelVersion !== 0) proto.modelVersion = BigInt(model.modelVersion);
  if (model.docString !== '') proto.docString = model.docString;
  return toBinary(ModelProtoSchema, proto);
}

function encodeGraph(graph: Graph, places: ExternalPlaces): GraphProto {
  const proto = create(GraphProtoSchema, {
    node: graph.nodes.map((node) => encodeNode(node, places)),
    name: graph.name,
    initializer: [...graph.initializers.values()].flatMap(({ name, initializer }) =>
      initializer === undefined ? [] : [encodeTensor(name, initializer, places.get(initializer))],
    ),
    input: graph.inputs.map(encodeValue),
    output: graph.outputs.map(encodeValue),
    valueInfo: typedValues(graph)
      .filter(({ isGraphOutput }) => !isGraphOutput)
      .map(encodeValue),
    metadataProps: encodeEntries(graph.metadata),
  });
  if (graph.docString !== '') proto.docString = graph.docString;
  return proto;
}

function encodeNode(node: Node, places: ExternalPlaces): NodeProto {
  const proto = create(NodeProtoSchema, {
    input: withoutTrailing(node.inputs.map((value) => (value === undefined ? '' : nameSeenBy(node, value)))),
    output: withoutTrailing(node.outputs.map((value) => value?.name ?? '')),
    name: node.name,
    opType: node.opType,
    attribute: encodeAttributes(node.attributes, places),
    metadataProps: encodeEntries(node.metadata),
  });
  if (node.domain !== '') proto.domain = node.domain;
  if (node.overload !== '') proto.overload = node.overload;
  if (node.docString !== '') proto.docString = node.docString;
  return proto;
}

function encodeAttributes(attributes: Node['attributes'], places: ExternalPlaces): AttributeProto[] {
  return [...attributes].map(([name, attribute]) =>
    encodeAttribute(name, attribute, (body) => encodeGraph(body, places)),
  );
}

function encodeFunction(definition: FunctionDefinition, places: ExternalPlaces): FunctionProto {
  const { body } = definition;
  const proto = create(FunctionProtoSchema, {
    name: definition.name,
    input: body.inputs.map(({ name }) => name),
    output: body.outputs.map(({ name }) => name),
    attribute: [...definition.attributes],
    attributeProto: encodeAttributes(definition.attributeDefaults, places),
    node: body.nodes.map((node) => encodeNode(node, places)),
    opsetImport: encodeOpsets(definition.opsets),
    domain: definition.domain,
    valueInfo: [...body.inputs.filter(({ type }) => type !== undefined), ...typedValues(body)].map(encodeValue),
    metadataProps: encodeEntries(definition.metadata),
  });
  if (definition.overload !== '') proto.overload = definition.overload;
  if (definition.docString !== '') proto.docString = definition.docString;
  return proto;
}

/** A name refers to the nearest value that has it, which a value of an inner graph must not hide. */
function nameSeenBy(node: Node, value: Value): string {
  if (node.graph.visibleValue(value.name) !== value) {
    throw new Error(`input ${value.name} of node ${node.name} is hidden by another value of the same name`);
  }
  return value.name;
}

function withoutTrailing(names: string[]): string[] {
  while (names.at(-1) === '') names.pop();
  return names;
}

/** Values that nodes compute and whose type is known. */
function typedValues(graph: Graph): Value[] {
  return graph.nodes.flatMap(({ outputs }) =>
    outputs.filter((value) => value !== undefined).filter(({ type }) => type !== undefined),
  );
}

function encodeValue({ name, type }: Value): ValueInfoProto {
  return create(ValueInfoProtoSchema, type === undefined ? { name } : { name, type: encodeType(type) });
}

function encodeType({ dataType, shape }: ValueType): TypeProto {
  const tensor = create(TypeProto_TensorSchema, { elemType: dataTypeCode(dataType) });
  if (shape !== undefined) tensor.shape = create(TensorShapeProtoSchema, { dim: shape.map(encodeDimension) });
  return create(TypeProtoSchema, { value: { case: 'tensorType', value: tensor } });
}

function encodeDimension(dimension: Dimension): TensorShapeProto_Dimension {
  const proto = create(TensorShapeProto_DimensionSchema);
  if (typeof dimension === 'number') proto.value = { case: 'dimValue', value: BigInt(dimension) };
  if (typeof dimension === 'string') proto.value = { case: 'dimParam', value: dimension };
  return proto;
}

function encodeOpsets(opsets: ReadonlyMap<string, number>): OperatorSetIdProto[] {
  return [...opsets].map(([domain, version]) => create(OperatorSetIdProtoSchema, { domain, version: BigInt(version) }));
}

function encodeEntries(entries: ReadonlyMap<string, string>): StringStringEntryProto[] {
  return [...entries].map(([key, value]) => create(StringStringEntryProtoSchema, { key, value }));
}
