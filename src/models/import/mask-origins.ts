import type { Attribute } from '../../onnx/attribute.js';
import type { Node, Value } from '../../onnx/node.js';
import type { SourceGraph } from './source-graph.js';
import type { MaskPart } from './visible-tokens.js';

/** Operators that cut or move a mask for one layer; their first input is the mask. */
const cutTypes: ReadonlySet<string> = new Set(['Slice', 'Unsqueeze', 'Cast', 'Expand', 'Identity']);

/** Constants up to here are compared by what they hold. */
const largestComparedBytes = 64;

/**
 * Tells which masks are the same computation from the same values, so that those that each layer writes or cuts for itself
 * need to be looked at once. Where a mask is cut does not count: what is left has the size of the attention scores.
 */
export class MaskOrigins {
  readonly #source: SourceGraph;
  readonly #ofValues = new Map<Value, number>();
  readonly #numbers = new Map<string, number>();

  constructor(source: SourceGraph) {
    this.#source = source;
  }

  /** Equal for masks of one origin. */
  keyOf(parts: readonly MaskPart[]): string {
    return parts.map(({ value, effect }) => `${effect} ${this.#originOf(value)}`).join(', ');
  }

  #originOf(value: Value): number {
    let origin = this.#ofValues.get(value);
    if (origin === undefined) {
      origin = this.#findOrigin(value);
      this.#ofValues.set(value, origin);
    }
    return origin;
  }

  #findOrigin(value: Value): number {
    const node = value.producer;
    if (node !== undefined && cutTypes.has(node.opType)) return this.#originOf(node.requireInput(0));
    return this.#numberOf((node === undefined ? constantText(value) : this.#computation(node, value)) ?? value);
  }

  /** What computes a value, unless that reads contents or has parts that can't be compared. */
  #computation(node: Node, value: Value): string | undefined {
    const attributes = [...node.attributes].map(([name, attribute]) => attributeText(name, attribute));
    const readsContents = node.inputs.some((input) => input !== undefined && this.#source.hasContents(input));
    if (readsContents || attributes.includes(undefined)) return undefined;
    const inputs = node.inputs.map((input) => (input === undefined ? '' : this.#originOf(input)));
    const operator = `${node.domain}.${node.opType}.${node.overload}`;
    return JSON.stringify([operator, node.outputs.indexOf(value), attributes.toSorted(), inputs]);
  }

  #numberOf(described: string | Value): number {
    const text = typeof described === 'string' ? described : `the value ${described.name}`;
    const number = this.#numbers.get(text) ?? this.#numbers.size;
    this.#numbers.set(text, number);
    return number;
  }
}

function constantText({ initializer }: Value): string | undefined {
  if (initializer === undefined || initializer.byteLength > largestComparedBytes) return undefined;
  return `${initializer.dataType} [${initializer.dims}] ${Buffer.from(initializer.bytes()).toString('hex')}`;
}

function attributeText(name: string, { type, value }: Attribute): string | undefined {
  const isPlain = type !== 'tensor' && type !== 'graph' && type !== 'encoded';
  return isPlain ? `${name} ${type} ${String(value)}` : undefined;
}
