/** A minimal writer of ONNX models: enough for the small graphs of these tests. Field numbers are those of onnx.proto. */
import { bytesOf, codeOfDataType, type DataType, type TensorData } from '../../src/ort/tensor-data.js';

type Attribute = number | bigint | string | readonly bigint[] | { readonly reference: string };

export interface NodeSpec {
  readonly op: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly domain?: string;
  /** Numbers are written as floats, bigints as integers. */
  readonly attributes?: { readonly [name: string]: Attribute };
}

export interface ValueSpec {
  /** ONNX element type code. */
  readonly type: number;
  readonly dims: readonly (number | string)[];
}

export interface FunctionSpec {
  readonly domain: string;
  readonly name: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly nodes: readonly NodeSpec[];
}

/** An initializer whose bytes are in a file. */
export interface ExternalSpec {
  readonly dataType: DataType;
  readonly dims: readonly number[];
  /** File name relative to the model. */
  readonly location: string;
}

export interface ModelSpec {
  readonly opset?: number;
  readonly inputs: { readonly [name: string]: ValueSpec };
  readonly outputs: { readonly [name: string]: ValueSpec };
  readonly nodes: readonly NodeSpec[];
  readonly initializers?: { readonly [name: string]: TensorData };
  readonly externalInitializers?: { readonly [name: string]: ExternalSpec };
  readonly functions?: readonly FunctionSpec[];
}

const standardOpset = 24;

function varint(value: number | bigint): Buffer {
  const bytes: number[] = [];
  let rest = BigInt.asUintN(64, BigInt(value));
  do {
    const low = Number(rest & 127n);
    rest >>= 7n;
    bytes.push(rest > 0n ? low | 128 : low);
  } while (rest > 0n);
  return Buffer.from(bytes);
}

function integer(field: number, value: number | bigint): Buffer {
  return Buffer.concat([varint(field << 3), varint(value)]);
}

function float(field: number, value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeFloatLE(value);
  return Buffer.concat([varint((field << 3) | 5), bytes]);
}

function block(field: number, content: string | Uint8Array | readonly Buffer[]): Buffer {
  const bytes =
    typeof content === 'string'
      ? Buffer.from(content)
      : content instanceof Uint8Array
        ? content
        : Buffer.concat(content);
  return Buffer.concat([varint((field << 3) | 2), varint(bytes.length), bytes]);
}

function attribute(name: string, value: Attribute): Buffer[] {
  if (typeof value === 'number') return [block(1, name), float(2, value), integer(20, 1)];
  if (typeof value === 'bigint') return [block(1, name), integer(3, value), integer(20, 2)];
  if (typeof value === 'string') return [block(1, name), block(4, value), integer(20, 3)];
  if ('reference' in value) return [block(1, name), integer(20, 2), block(21, value.reference)];
  return [block(1, name), ...value.map((item) => integer(8, item)), integer(20, 7)];
}

function node(spec: NodeSpec): Buffer[] {
  return [
    ...spec.inputs.map((name) => block(1, name)),
    ...spec.outputs.map((name) => block(2, name)),
    block(4, spec.op),
    ...Object.entries(spec.attributes ?? {}).map(([name, value]) => block(5, attribute(name, value))),
    block(7, spec.domain ?? ''),
  ];
}

function valueInfo(name: string, { type, dims }: ValueSpec): Buffer[] {
  const shape = dims.map((size) => block(1, [typeof size === 'number' ? integer(1, size) : block(2, size)]));
  return [block(1, name), block(2, [block(1, [integer(1, type), block(2, shape)])])];
}

function initializer(name: string, dataType: DataType, dims: readonly number[], data: readonly Buffer[]): Buffer[] {
  return [...dims.map((size) => integer(1, size)), integer(2, codeOfDataType(dataType)), block(8, name), ...data];
}

function inlineInitializer(name: string, { dataType, dims, data }: TensorData): Buffer[] {
  return initializer(name, dataType, dims, [block(9, bytesOf(data))]);
}

function externalInitializer(name: string, { dataType, dims, location }: ExternalSpec): Buffer[] {
  const entry = block(13, [block(1, 'location'), block(2, location)]);
  return initializer(name, dataType, dims, [entry, integer(14, 1)]);
}

function opsets(version: number, domains: Iterable<string>): Buffer[] {
  const imports = [...new Set(['', ...domains])];
  return imports.map((domain) => block(8, [block(1, domain), integer(2, domain === '' ? version : 1)]));
}

/** Function bodies import their domains in field 9, models in field 8. */
function functionProto(spec: FunctionSpec, version: number): Buffer[] {
  return [
    block(1, spec.name),
    ...spec.inputs.map((name) => block(4, name)),
    ...spec.outputs.map((name) => block(5, name)),
    ...spec.nodes.map((item) => block(7, node(item))),
    block(9, [block(1, ''), integer(2, version)]),
    block(10, spec.domain),
  ];
}

/** Bytes of a ModelProto. */
export function encodeModel(spec: ModelSpec): Uint8Array {
  const version = spec.opset ?? standardOpset;
  const functions = spec.functions ?? [];
  const graph = [
    ...spec.nodes.map((item) => block(1, node(item))),
    block(2, 'graph'),
    ...Object.entries(spec.initializers ?? {}).map(([name, tensor]) => block(5, inlineInitializer(name, tensor))),
    ...Object.entries(spec.externalInitializers ?? {}).map(([name, tensor]) =>
      block(5, externalInitializer(name, tensor)),
    ),
    ...Object.entries(spec.inputs).map(([name, value]) => block(11, valueInfo(name, value))),
    ...Object.entries(spec.outputs).map(([name, value]) => block(12, valueInfo(name, value))),
  ];
  return Buffer.concat([
    integer(1, 10),
    block(7, graph),
    ...opsets(version, [...spec.nodes.map((item) => item.domain ?? ''), ...functions.map((item) => item.domain)]),
    ...functions.map((item) => block(25, functionProto(item, version))),
  ]);
}
