import { create, fromBinary } from '@bufbuild/protobuf';
import type { Attribute } from './attribute.js';
import { encodeTensor } from './encode-tensor.js';
import type { Graph } from './ir.js';
import {
  type AttributeProto,
  AttributeProtoSchema,
  AttributeProto_AttributeType as AttributeType,
  type GraphProto,
} from './proto/onnx_pb.js';

export function encodeAttribute(
  name: string,
  attribute: Attribute,
  encodeBody: (body: Graph) => GraphProto,
): AttributeProto {
  const text = new TextEncoder();
  switch (attribute.type) {
    case 'int':
      return create(AttributeProtoSchema, { name, type: AttributeType.INT, i: BigInt(attribute.value) });
    case 'ints':
      return create(AttributeProtoSchema, { name, type: AttributeType.INTS, ints: attribute.value.map(BigInt) });
    case 'float':
      return create(AttributeProtoSchema, { name, type: AttributeType.FLOAT, f: attribute.value });
    case 'floats':
      return create(AttributeProtoSchema, { name, type: AttributeType.FLOATS, floats: [...attribute.value] });
    case 'string':
      return create(AttributeProtoSchema, { name, type: AttributeType.STRING, s: text.encode(attribute.value) });
    case 'strings': {
      const strings = attribute.value.map((string) => text.encode(string));
      return create(AttributeProtoSchema, { name, type: AttributeType.STRINGS, strings });
    }
    case 'tensor':
      return create(AttributeProtoSchema, { name, type: AttributeType.TENSOR, t: encodeTensor('', attribute.value) });
    case 'graph':
      return create(AttributeProtoSchema, { name, type: AttributeType.GRAPH, g: encodeBody(attribute.value) });
    case 'reference':
      return create(AttributeProtoSchema, { name, type: attribute.of, refAttrName: attribute.value });
    case 'encoded':
      return fromBinary(AttributeProtoSchema, attribute.value);
  }
}
