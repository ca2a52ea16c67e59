import type { Graph } from './ir.js';
import type { AttributeProto_AttributeType } from './proto/onnx_pb.js';
import type { Tensor } from './tensor.js';

/** An ONNX int64: a number where it is exact, else a bigint. */
export type Int64 = number | bigint;

/** The value of a node's attribute. */
export type Attribute =
  | { readonly type: 'int'; readonly value: Int64 }
  | { readonly type: 'float'; readonly value: number }
  | { readonly type: 'string'; readonly value: string }
  | { readonly type: 'tensor'; readonly value: Tensor }
  | { readonly type: 'graph'; readonly value: Graph }
  | { readonly type: 'ints'; readonly value: readonly Int64[] }
  | { readonly type: 'floats'; readonly value: readonly number[] }
  | { readonly type: 'strings'; readonly value: readonly string[] }
  /** Inside a function: the value of the attribute `value` of the call. */
  | { readonly type: 'reference'; readonly value: string; readonly of: AttributeProto_AttributeType }
  /** An attribute of a type that has no form here, kept as its encoded `AttributeProto`. */
  | { readonly type: 'encoded'; readonly value: Uint8Array };

export function int(value: Int64): Attribute {
  return { type: 'int', value };
}

export function ints(value: readonly Int64[]): Attribute {
  return { type: 'ints', value };
}

export function float(value: number): Attribute {
  return { type: 'float', value };
}

export function floats(value: readonly number[]): Attribute {
  return { type: 'floats', value };
}

export function string(value: string): Attribute {
  return { type: 'string', value };
}

export function tensor(value: Tensor): Attribute {
  return { type: 'tensor', value };
}

type Attributes = ReadonlyMap<string, Attribute>;

/** The attribute `name` as a number, or `undefined` when there is none. Throws when it is of another type. */
export function intAttribute(attributes: Attributes, name: string): number | undefined {
  const attribute = attributes.get(name);
  if (attribute === undefined) return undefined;
  if (attribute.type !== 'int') throw new Error(`attribute ${name} is of type ${attribute.type}, not int`);
  return Number(attribute.value);
}

/** The attribute `name` as numbers, or `undefined` when there is none. Throws when it is of another type. */
export function intsAttribute(attributes: Attributes, name: string): readonly number[] | undefined {
  const attribute = attributes.get(name);
  if (attribute === undefined) return undefined;
  if (attribute.type !== 'ints') throw new Error(`attribute ${name} is of type ${attribute.type}, not ints`);
  return attribute.value.map(Number);
}

/** The float attribute `name`, or `undefined` when there is none. Throws when it is of another type. */
export function floatAttribute(attributes: Attributes, name: string): number | undefined {
  const attribute = attributes.get(name);
  if (attribute === undefined) return undefined;
  if (attribute.type !== 'float') throw new Error(`attribute ${name} is of type ${attribute.type}, not float`);
  return attribute.value;
}

/** The string attribute `name`, or `undefined` when there is none. Throws when it is of another type. */
export function stringAttribute(attributes: Attributes, name: string): string | undefined {
  const attribute = attributes.get(name);
  if (attribute === undefined) return undefined;
  if (attribute.type !== 'string') throw new Error(`attribute ${name} is of type ${attribute.type}, not string`);
  return attribute.value;
}
