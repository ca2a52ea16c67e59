import { intAttribute } from '../../onnx/attribute.js';
import type { Node, Value } from '../../onnx/node.js';
import type { RotaryTables } from '../rotary.js';
import type { ImportContext } from './import-context.js';
import { normOf, type SourceNorm } from './norm-rule.js';
import type { CachePort } from './ports.js';

/** Queries, keys or values of an attention before they are cut into heads, and what is done to the heads. */
export interface SourceHeads {
  /** [batch, sequence, heads * head size] */
  readonly input: Value;
  /** Of each head, before the rotation. */
  readonly norm: SourceNorm | undefined;
  readonly rotary: RotaryTables | undefined;
  /** Product of all numbers that the heads are multiplied with. */
  readonly scale: number;
  readonly cache: CachePort | undefined;
}

type Found = { -readonly [Name in keyof SourceHeads]: SourceHeads[Name] };

/** Operators that only move elements around. */
const movers: ReadonlySet<string> = new Set([
  'Transpose',
  'Reshape',
  'Cast',
  'Identity',
  'Unsqueeze',
  'Squeeze',
  'Expand',
]);

/** Walks from the heads that an attention reads back to the value that has all of them. */
export function findHeads(context: ImportContext, from: Value, heads: number): SourceHeads | undefined {
  const found: Omit<Found, 'input'> = { norm: undefined, rotary: undefined, scale: 1, cache: undefined };
  let value: Value | undefined = from;
  while (value !== undefined) {
    // Rotations take heads that are not cut, too.
    if (isWhole(context, value, heads) && value.producer?.opType !== 'RotaryEmbedding')
      return { ...found, input: value };
    value = step(context, value, found);
  }
  return undefined;
}

/** Whether a value is [batch, sequence, heads * head size], or has batch and sequence as one. */
export function isWhole({ source, sizes }: ImportContext, value: Value, heads: number): boolean {
  const dims = source.dims(value);
  return (
    dims !== undefined &&
    dims.length <= 3 &&
    dims.at(-1) === heads * sizes.headSize &&
    heads * sizes.headSize !== 0 &&
    dims.at(-2) === source.probes[0]?.ids.length
  );
}

function step(context: ImportContext, value: Value, found: Omit<Found, 'input'>): Value | undefined {
  const { source, sizes } = context;
  const node = value.producer;
  if (node === undefined || !source.hasContents(value)) return undefined;
  const norm = found.norm === undefined ? normOf(source, value) : undefined;
  if (norm !== undefined && norm.weight.dims[0] === sizes.headSize) {
    found.norm = norm;
    return norm.hasMean ? undefined : norm.input;
  }
  if (movers.has(node.opType)) return node.requireInput(0);
  if (node.opType === 'Concat') return behindCache(context, node, found) ?? partlyRotated(context, node, found);
  if (node.opType === 'Mul' || node.opType === 'Div') return scaled(context, node, found);
  if (found.rotary !== undefined || found.norm !== undefined) return undefined;
  return node.opType === 'Add' ? rotatedByHand(context, node, found) : rotatedByOperator(context, node, found);
}

function behindCache({ source }: ImportContext, node: Node, found: Omit<Found, 'input'>): Value | undefined {
  const [past, value, ...others] = node.inputs;
  const cache = source.ports.caches.find((port) => port.past === past);
  if (cache === undefined || others.length > 0 || found.cache !== undefined || found.rotary !== undefined)
    return undefined;
  found.cache = cache;
  return value;
}

/** A head of which only the first dimensions are turned: those, and the others as they are. */
function partlyRotated(context: ImportContext, node: Node, found: Omit<Found, 'input'>): Value | undefined {
  const [turned, rest, ...others] = node.inputs.map((input) => input?.producer);
  if (turned?.opType !== 'Add' || rest?.opType !== 'Slice' || others.length > 0 || found.rotary !== undefined)
    return undefined;
  const part = rotatedByHand(context, turned, found)?.producer;
  const whole = rest.requireInput(0);
  return part?.opType === 'Slice' && part.requireInput(0) === whole ? whole : undefined;
}

function scaled({ source }: ImportContext, node: Node, found: Omit<Found, 'input'>): Value | undefined {
  const [first, second] = [node.requireInput(0), node.requireInput(1)];
  const factor = source.scalar(second) ?? (node.opType === 'Mul' ? source.scalar(first) : undefined);
  if (factor === undefined || found.norm !== undefined) return undefined;
  found.scale *= node.opType === 'Mul' ? factor : 1 / factor;
  return source.scalar(second) === undefined ? second : first;
}

/** x * cosines + rotated x * sines, where the halves of a head change places and one its sign. */
function rotatedByHand({ source, meaning }: ImportContext, node: Node, found: Omit<Found, 'input'>): Value | undefined {
  const products = [0, 1].map((index) => angleProduct(source.hasContents.bind(source), node.requireInput(index)));
  const turned = products.find((product) => product !== undefined && isRotatedHalf(product.input));
  const straight = products.find((product) => product !== undefined && product !== turned);
  if (turned === undefined || straight === undefined) return undefined;
  found.rotary = meaning.rotaryTables(straight.angle, turned.angle);
  return found.rotary === undefined ? undefined : straight.input;
}

function angleProduct(
  hasContents: (value: Value) => boolean,
  { producer }: Value,
): { readonly input: Value; readonly angle: Value } | undefined {
  if (producer?.opType !== 'Mul') return undefined;
  const [first, second] = [producer.requireInput(0), producer.requireInput(1)];
  if (hasContents(first) === hasContents(second)) return undefined;
  return hasContents(first) ? { input: first, angle: second } : { input: second, angle: first };
}

function isRotatedHalf({ producer }: Value): boolean {
  return (
    producer?.opType === 'Concat' && producer.inputs.length === 2 && producer.inputs[0]?.producer?.opType === 'Neg'
  );
}

function rotatedByOperator(context: ImportContext, node: Node, found: Omit<Found, 'input'>): Value | undefined {
  if (node.opType !== 'RotaryEmbedding') return undefined;
  const isContrib = node.domain === 'com.microsoft';
  const [input, second, third, fourth] = node.inputs;
  const [cosines, sines, places] = isContrib ? [third, fourth, second] : [second, third, fourth];
  const tables = operatorTables(context, cosines, sines, intAttribute(node.attributes, 'interleaved') === 1);
  if (tables === undefined || places === undefined || context.meaning.placesOffset(places) !== 0) return undefined;
  found.rotary = tables;
  return input;
}

/** Tables [positions, pairs] that an operator takes. */
export function operatorTables(
  { source }: ImportContext,
  cosines: Value | undefined,
  sines: Value | undefined,
  isInterleaved: boolean,
): RotaryTables | undefined {
  const tables = [cosines, sines].map((table) => (table === undefined ? undefined : source.constant(table)));
  if (cosines === undefined || tables[0]?.dims.length !== 2 || tables[1]?.dims.length !== 2) return undefined;
  return { name: `model.rotary_emb/${cosines.name}`, cosines: tables[0], sines: tables[1], isInterleaved };
}
