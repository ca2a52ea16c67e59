import { create } from '@bufbuild/protobuf';
import { dataTypeCode } from './data-type.js';
import {
  StringStringEntryProtoSchema,
  type TensorProto,
  TensorProto_DataLocation,
  TensorProtoSchema,
} from './proto/onnx_pb.js';
import { StringTensor, type Tensor } from './tensor.js';

/** Where in a file beside the model the elements of a tensor are. */
export interface ExternalPlace {
  /** Path relative to the model, `/` between its parts. */
  readonly location: string;
  readonly offset: number;
}

/** A `TensorProto` with the elements in it, or that refers to a file when there is a place. */
export function encodeTensor(name: string, tensor: Tensor, place?: ExternalPlace): TensorProto {
  const proto = create(TensorProtoSchema, {
    name,
    dataType: dataTypeCode(tensor.dataType),
    dims: tensor.dims.map(BigInt),
  });
  if (place !== undefined) {
    proto.dataLocation = TensorProto_DataLocation.EXTERNAL;
    proto.externalData = [
      create(StringStringEntryProtoSchema, { key: 'location', value: place.location }),
      create(StringStringEntryProtoSchema, { key: 'offset', value: `${place.offset}` }),
      create(StringStringEntryProtoSchema, { key: 'length', value: `${tensor.byteLength}` }),
    ];
  } else if (tensor instanceof StringTensor) {
    const encoder = new TextEncoder();
    proto.stringData = tensor.strings.map((string) => encoder.encode(string));
  } else {
    proto.rawData = tensor.bytes();
  }
  return proto;
}
