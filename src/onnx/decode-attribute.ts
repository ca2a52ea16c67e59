import { toBinary } from '@bufbuild/protobuf';
import { QuernError } from '../errors.js';
import type { Attribute, Int64 } from './attribute.js';
import { decodeTensor, type ExternalResolver } from './decode-tensor.js';
import type { Graph } from './ir.js';
import {
  type AttributeProto,
  AttributeProtoSchema,
  AttributeProto_AttributeType as AttributeType,
  type GraphProto,
} from './proto/onnx_pb.js';

export interface AttributeContext {
  readonly resolve: ExternalResolver;
  readonly decodeBody: (proto: GraphProto) => Graph;
}

/** Takes over the value of an attribute. `owner` names the node or function in messages. */
export function decodeAttribute(proto: AttributeProto, owner: string, context: AttributeContext): Attribute {
  if (proto.refAttrName !== '') return { type: 'reference', value: proto.refAttrName, of: proto.type };
  switch (proto.type) {
    case AttributeType.INT:
      return { type: 'int', value: exactInt64(proto.i) };
    case AttributeType.INTS:
      return { type: 'ints', value: proto.ints.map(exactInt64) };
    case AttributeType.FLOAT:
      return { type: 'float', value: proto.f };
    case AttributeType.FLOATS:
      return { type: 'floats', value: proto.floats };
    case AttributeType.STRING:
    case AttributeType.STRINGS:
      return decodeText(proto);
    case AttributeType.TENSOR:
      if (proto.t === undefined) break;
      return { type: 'tensor', value: decodeTensor(proto.t, context.resolve) };
    case AttributeType.GRAPH:
      if (proto.g === undefined) break;
      return { type: 'graph', value: context.decodeBody(proto.g) };
    case AttributeType.TENSORS:
    case AttributeType.SPARSE_TENSOR:
    case AttributeType.SPARSE_TENSORS:
    case AttributeType.TYPE_PROTO:
    case AttributeType.TYPE_PROTOS:
      return { type: 'encoded', value: toBinary(AttributeProtoSchema, proto) };
    case AttributeType.GRAPHS:
    case AttributeType.UNDEFINED:
      break;
  }
  throw new QuernError('input', `${owner}: attribute "${proto.name}" has no value of a supported type`);
}

/** Strings may be any bytes: what is no text is kept encoded. */
function decodeText(proto: AttributeProto): Attribute {
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  try {
    return proto.type === AttributeType.STRING
      ? { type: 'string', value: decoder.decode(proto.s) }
      : { type: 'strings', value: proto.strings.map((bytes) => decoder.decode(bytes)) };
  } catch {
    return { type: 'encoded', value: toBinary(AttributeProtoSchema, proto) };
  }
}

function exactInt64(value: bigint): Int64 {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}
