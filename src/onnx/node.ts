import type { Attribute } from './attribute.js';
import type { DataType } from './data-type.js';
import type { Graph } from './ir.js';
import type { Tensor } from './tensor.js';

/** Size of a dimension: a number, the name of a symbolic size, or unknown. */
export type Dimension = number | string | undefined;

export interface ValueType {
  readonly dataType: DataType;
  /** Without it not even the rank is known. */
  readonly shape?: readonly Dimension[];
}

/** One place where a value is read: input `index` of `node`. */
export interface Use {
  readonly node: Node;
  readonly index: number;
}

export interface NodeOptions {
  readonly opType: string;
  /** Empty (the default) for the operators of ONNX itself. */
  readonly domain?: string;
  /** Which overload of a model-local function is meant. */
  readonly overload?: string;
  readonly name: string;
  readonly inputs: readonly (Value | undefined)[];
  /** Names (empty: this optional output is left out), or how many outputs with generated names. */
  readonly outputs: readonly string[] | number;
  readonly attributes?: { readonly [name: string]: Attribute };
  /** The node is put before this one instead of at the end. */
  readonly before?: Node;
}

export interface ValueState {
  name: string;
  producer: Node | undefined;
  initializer: Tensor | undefined;
  isGraphInput: boolean;
  isGraphOutput: boolean;
  readonly uses: Set<Use>;
}

export interface NodeState {
  graph: Graph | undefined;
  previous: Node | undefined;
  next: Node | undefined;
  readonly inputs: (Value | undefined)[];
  /** The entry of each input in the uses of its value. */
  readonly uses: (Use | undefined)[];
  readonly outputs: (Value | undefined)[];
  readonly attributes: Map<string, Attribute>;
}

// The links between values and nodes, for the methods of `Node` and `Graph` alone: they keep both ends consistent.
export let createValue: (graph: Graph, state: ValueState, type: ValueType | undefined) => Value;
export let valueState: (value: Value) => ValueState;
export let createNode: (options: NodeOptions, state: NodeState) => Node;
export let nodeState: (node: Node) => NodeState;

const owners = new WeakMap<Graph, Node>();

/** The node in whose attributes a subgraph is. */
export function ownerOf(body: Graph): Node | undefined {
  return owners.get(body);
}

/** A named edge of a graph: an input, an initializer or the output of a node. Made by the methods of `Graph`. */
export class Value {
  readonly graph: Graph;
  /** Element type and shape, where they are known. */
  type: ValueType | undefined;
  readonly #state: ValueState;

  static {
    createValue = (graph, state, type) => new Value(graph, state, type);
    valueState = (value) => value.#state;
  }

  private constructor(graph: Graph, state: ValueState, type: ValueType | undefined) {
    this.graph = graph;
    this.type = type;
    this.#state = state;
  }

  get name(): string {
    return this.#state.name;
  }

  /** The node whose output it is. */
  get producer(): Node | undefined {
    return this.#state.producer;
  }

  /** The constant the value has, or the default of a graph input that has one. */
  get initializer(): Tensor | undefined {
    return this.#state.initializer;
  }

  get isGraphInput(): boolean {
    return this.#state.isGraphInput;
  }

  get isGraphOutput(): boolean {
    return this.#state.isGraphOutput;
  }

  /** Every place that reads the value, subgraphs included; being a graph output is no use. A copy. */
  get uses(): readonly Use[] {
    return [...this.#state.uses];
  }

  get useCount(): number {
    return this.#state.uses.size;
  }
}

/** One operator of a graph. Made by `Graph.addNode`. */
export class Node {
  readonly name: string;
  readonly opType: string;
  readonly domain: string;
  readonly overload: string;
  docString = '';
  readonly metadata = new Map<string, string>();
  readonly #state: NodeState;

  static {
    createNode = (options, state) => new Node(options, state);
    nodeState = (node) => node.#state;
  }

  private constructor(options: NodeOptions, state: NodeState) {
    this.name = options.name;
    this.opType = options.opType;
    this.domain = options.domain === 'ai.onnx' ? '' : (options.domain ?? '');
    this.overload = options.overload ?? '';
    this.#state = state;
  }

  /** Throws once the node is removed. */
  get graph(): Graph {
    if (this.#state.graph === undefined) throw new Error(`node ${this.name} has been removed from its graph`);
    return this.#state.graph;
  }

  get isRemoved(): boolean {
    return this.#state.graph === undefined;
  }

  get previous(): Node | undefined {
    return this.#state.previous;
  }

  get next(): Node | undefined {
    return this.#state.next;
  }

  get inputs(): readonly (Value | undefined)[] {
    return this.#state.inputs;
  }

  /** Optional outputs that were left out are `undefined`. */
  get outputs(): readonly (Value | undefined)[] {
    return this.#state.outputs;
  }

  get attributes(): ReadonlyMap<string, Attribute> {
    return this.#state.attributes;
  }

  /** Input `index`, which must be there. */
  requireInput(index: number): Value {
    const value = this.inputs[index];
    if (value === undefined) throw new Error(`${this.opType} node ${this.name} has no input ${index}`);
    return value;
  }

  /** The first output, which must be there. */
  get output(): Value {
    const value = this.outputs[0];
    if (value === undefined) throw new Error(`${this.opType} node ${this.name} has no first output`);
    return value;
  }

  /** Graphs in the attributes, such as the branches of `If`. */
  get bodies(): readonly Graph[] {
    return [...this.attributes.values()].flatMap((attribute) => (attribute.type === 'graph' ? [attribute.value] : []));
  }

  /** Makes input `index` read `value`, which must be of this graph or one around it. An index past the end adds inputs. */
  setInput(index: number, value: Value | undefined): void {
    const graph = this.graph;
    if (value !== undefined && graph.visibleValue(value.name) !== value) {
      throw new Error(`value ${value.name} is not visible to node ${this.name}`);
    }
    const { inputs, uses } = this.#state;
    while (inputs.length <= index) {
      inputs.push(undefined);
      uses.push(undefined);
    }
    const previous = inputs[index];
    const previousUse = uses[index];
    if (previous !== undefined && previousUse !== undefined) valueState(previous).uses.delete(previousUse);
    const use = value === undefined ? undefined : { node: this, index };
    if (value !== undefined && use !== undefined) valueState(value).uses.add(use);
    inputs[index] = value;
    uses[index] = use;
  }

  /** Sets an attribute, or removes it with `undefined`. A replaced subgraph is discarded. */
  setAttribute(name: string, attribute: Attribute | undefined): void {
    const graph = this.graph;
    const previous = this.#state.attributes.get(name);
    if (previous?.type === 'graph' && attribute?.type === 'graph' && previous.value === attribute.value) return;
    if (attribute?.type === 'graph') {
      const body = attribute.value;
      if (body.parent !== graph || owners.has(body)) {
        throw new Error(`graph ${body.name} can't be attribute ${name} of node ${this.name}`);
      }
      owners.set(body, this);
    }
    if (previous?.type === 'graph') discard(previous.value);
    if (attribute === undefined) this.#state.attributes.delete(name);
    else this.#state.attributes.set(name, attribute);
  }
}

/** Takes a node out of the uses of the values it reads, with everything in its subgraphs. */
export function release(node: Node): void {
  for (const index of node.inputs.keys()) node.setInput(index, undefined);
  for (const body of node.bodies) discard(body);
}

/** Ends a subgraph: it keeps no uses in the graphs around it. */
function discard(body: Graph): void {
  for (const node of body.nodes) release(node);
  owners.delete(body);
}
