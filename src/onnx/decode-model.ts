import { fromBinary } from '@bufbuild/protobuf';
import { QuernError } from '../errors.js';
import { decodeAttribute } from './decode-attribute.js';
import { decodeEntries, decodeGraph, decodeNodes, decodeOutput, decodeValueInfo } from './decode-graph.js';
import type { ExternalResolver } from './decode-tensor.js';
import { Graph } from './ir.js';
import { FunctionDefinition, Model, type Opsets } from './model.js';
import { type FunctionProto, type ModelProto, ModelProtoSchema, type OperatorSetIdProto } from './proto/onnx_pb.js';
import { newestIrVersion, newestOpset } from './versions.js';

/**
 * The model in the bytes of a `ModelProto`, or a `QuernError` that says what is wrong with it. What says nothing about
 * the result of the model is left out: training information, quantization annotations, device configurations,
 * documentation of attributes. Tensors with raw data are views of `bytes`.
 */
export function decodeModel(bytes: Uint8Array, resolve: ExternalResolver): Model {
  const proto = parse(bytes);
  if (proto.graph === undefined) throw new QuernError('input', 'it has no graph');
  const irVersion = Number(proto.irVersion);
  if (irVersion < 3 || irVersion > newestIrVersion) {
    throw new QuernError(
      'input',
      `it has IR version ${proto.irVersion}, and only 3 to ${newestIrVersion} are supported`,
    );
  }
  const model = new Model({
    graph: new Graph(proto.graph.name),
    opsets: decodeOpsets(proto.opsetImport),
    irVersion,
    producerName: proto.producerName,
    producerVersion: proto.producerVersion,
  });
  model.domain = proto.domain;
  model.modelVersion = Number(proto.modelVersion);
  model.docString = proto.docString;
  decodeEntries(proto.metadataProps, model.metadata);
  for (const definition of proto.functions) model.functions.push(decodeFunction(definition, resolve));
  decodeGraph(proto.graph, model.graph, resolve);
  return model;
}

function parse(bytes: Uint8Array): ModelProto {
  try {
    return fromBinary(ModelProtoSchema, bytes);
  } catch (error) {
    throw new QuernError('input', error instanceof Error ? error.message : String(error), { cause: error });
  }
}

function decodeOpsets(protos: readonly OperatorSetIdProto[]): Opsets {
  const opsets: Opsets = new Map();
  for (const { domain, version } of protos) {
    const key = domain === 'ai.onnx' ? '' : domain;
    const previous = opsets.get(key);
    if (previous !== undefined && previous !== Number(version)) {
      throw new QuernError('input', `it imports two versions of the operator set "${domain}"`);
    }
    opsets.set(key, Number(version));
  }
  if (opsets.size === 0) throw new QuernError('input', 'it imports no operator set');
  const opset = opsets.get('') ?? newestOpset;
  if (opset < 1 || opset > newestOpset) {
    throw new QuernError('input', `it uses opset ${opset} of ai.onnx, and only 1 to ${newestOpset} are supported`);
  }
  return opsets;
}

function decodeFunction(proto: FunctionProto, resolve: ExternalResolver): FunctionDefinition {
  const label = `function "${proto.domain}.${proto.name}"`;
  const definition = new FunctionDefinition(proto.domain, proto.name, proto.overload);
  const { body } = definition;
  definition.docString = proto.docString;
  decodeEntries(proto.metadataProps, definition.metadata);
  definition.attributes.push(...proto.attribute);
  for (const attribute of proto.attributeProto) {
    const decodeBody = (): never => {
      throw new QuernError('input', `${label}: attribute "${attribute.name}" has a graph as its default`);
    };
    definition.attributeDefaults.set(attribute.name, decodeAttribute(attribute, label, { resolve, decodeBody }));
  }
  for (const [domain, version] of decodeOpsets(proto.opsetImport)) definition.opsets.set(domain, version);
  for (const name of proto.input) {
    if (name === '' || body.value(name) !== undefined) {
      throw new QuernError('input', `${label} has two inputs named "${name}"`);
    }
    body.addInput(name);
  }
  decodeNodes(proto.node, body, resolve);
  for (const name of proto.output) decodeOutput(body, name);
  decodeValueInfo(proto.valueInfo, body);
  return definition;
}
