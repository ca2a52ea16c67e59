import { Names } from './names.js';
import {
  createNode,
  createValue,
  type Node,
  type NodeOptions,
  nodeState,
  ownerOf,
  release,
  type Value,
  type ValueState,
  type ValueType,
  valueState,
} from './node.js';
import { nodeAround, topologicalOrder, valuesRead } from './order.js';
import type { Tensor } from './tensor.js';

/**
 * Nodes in order, and the values between them. The links between nodes and values are always consistent, because only
 * the methods of `Graph` and `Node` change them; each takes constant time unless it says otherwise.
 */
export class Graph {
  name: string;
  docString = '';
  readonly metadata = new Map<string, string>();
  /** The graph around this one, whose values it may read. */
  readonly parent: Graph | undefined;
  readonly #names: Names;
  readonly #values = new Map<string, Value>();
  readonly #inputs: Value[] = [];
  readonly #outputs: Value[] = [];
  readonly #initializers = new Map<string, Value>();
  #first: Node | undefined;
  #last: Node | undefined;
  #nodeCount = 0;
  #nodes: readonly Node[] | undefined;

  /** With a `parent` the graph is a subgraph, to be put into an attribute of one node of the parent. */
  constructor(name: string, parent?: Graph) {
    this.name = name;
    this.parent = parent;
    this.#names = parent === undefined ? new Names() : parent.#names;
  }

  /** The node in whose attributes a subgraph is. */
  get owner(): Node | undefined {
    return ownerOf(this);
  }

  get inputs(): readonly Value[] {
    return this.#inputs;
  }

  get outputs(): readonly Value[] {
    return this.#outputs;
  }

  get initializers(): ReadonlyMap<string, Value> {
    return this.#initializers;
  }

  /** The nodes in order, as they are now: later changes of the graph do not change the list. */
  get nodes(): readonly Node[] {
    if (this.#nodes === undefined) {
      const nodes: Node[] = [];
      for (let node = this.#first; node !== undefined; node = node.next) nodes.push(node);
      this.#nodes = nodes;
    }
    return this.#nodes;
  }

  get nodeCount(): number {
    return this.#nodeCount;
  }

  /** The value of this graph with a name. */
  value(name: string): Value | undefined {
    return this.#values.get(name);
  }

  /** The value that a name means inside this graph: its own, or that of the nearest graph around it. */
  visibleValue(name: string): Value | undefined {
    return this.#values.get(name) ?? this.parent?.visibleValue(name);
  }

  /** A name no value and no node of the model's graph has: `prefix` itself or with a number. It is not reserved. */
  uniqueName(prefix: string): string {
    return this.#names.unused(prefix);
  }

  addInput(name: string, type?: ValueType): Value {
    const value = this.#addValue(name, type);
    valueState(value).isGraphInput = true;
    this.#inputs.push(value);
    return value;
  }

  /** Removes an input that nothing reads. */
  removeInput(value: Value): void {
    this.#requireUnused(value);
    const index = this.#inputs.indexOf(value);
    if (index < 0) throw new Error(`${value.name} is not an input of graph ${this.name}`);
    this.#inputs.splice(index, 1);
    this.#initializers.delete(value.name);
    this.#dropValue(value);
  }

  /** Makes a value of this graph its next output. */
  addOutput(value: Value): void {
    this.#requireOwn(value);
    if (value.isGraphOutput) throw new Error(`${value.name} already is an output of graph ${this.name}`);
    valueState(value).isGraphOutput = true;
    this.#outputs.push(value);
  }

  /** The value stays in the graph. */
  removeOutput(value: Value): void {
    const index = this.#outputs.indexOf(value);
    if (index < 0) throw new Error(`${value.name} is not an output of graph ${this.name}`);
    this.#outputs.splice(index, 1);
    valueState(value).isGraphOutput = false;
  }

  addInitializer(name: string, tensor: Tensor): Value {
    const value = this.#addValue(name, undefined);
    this.setInitializer(value, tensor);
    return value;
  }

  /** Gives an initializer another tensor (and its type), or a graph input a default. */
  setInitializer(value: Value, tensor: Tensor): void {
    this.#requireOwn(value);
    if (value.producer !== undefined) throw new Error(`${value.name} is computed and can't be an initializer`);
    valueState(value).initializer = tensor;
    if (!value.isGraphInput) value.type = { dataType: tensor.dataType, shape: tensor.dims };
    this.#initializers.set(value.name, value);
  }

  addNode(options: NodeOptions): Node {
    const { name, inputs, before, attributes = {} } = options;
    if (before !== undefined && before.graph !== this) throw new Error(`${before.name} is not in graph ${this.name}`);
    for (const input of inputs) if (input !== undefined) this.#requireVisible(input);
    const outputNames = this.#outputNames(options);
    const node = createNode(options, {
      graph: this,
      previous: undefined,
      next: undefined,
      inputs: [],
      uses: [],
      outputs: [],
      attributes: new Map(),
    });
    for (const [key, attribute] of Object.entries(attributes)) node.setAttribute(key, attribute);
    for (const [index, input] of inputs.entries()) node.setInput(index, input);
    const { outputs } = nodeState(node);
    for (const outputName of outputNames) {
      outputs.push(outputName === '' ? undefined : this.#addValue(outputName, undefined, node));
    }
    this.#names.add(name);
    this.#link(node, before);
    return node;
  }

  /** Removes a node and its outputs, which nothing may read any more. Its subgraphs are discarded. */
  removeNode(node: Node): void {
    if (node.graph !== this) throw new Error(`${node.name} is not in graph ${this.name}`);
    for (const output of node.outputs) if (output !== undefined) this.#requireUnused(output);
    release(node);
    for (const output of node.outputs) if (output !== undefined) this.#dropValue(output);
    this.#names.remove(node.name);
    this.#unlink(node);
    nodeState(node).graph = undefined;
  }

  /** Gives a value of this graph another name. */
  rename(value: Value, name: string): void {
    this.#requireOwn(value);
    if (name === value.name) return;
    this.#requireFree(name);
    const { initializer } = value;
    this.#values.delete(value.name);
    this.#names.remove(value.name);
    if (initializer !== undefined) this.#initializers.delete(value.name);
    valueState(value).name = name;
    this.#values.set(name, value);
    this.#names.add(name);
    if (initializer !== undefined) this.#initializers.set(name, value);
  }

  /**
   * Makes everything that reads `value` read `replacement`, except the node that computes `replacement`. The names of
   * graph outputs never change: where `value` is one, the two swap their names, and `replacement` has to be computed by
   * a node of this graph and must not be an output already. Takes time proportional to the uses.
   */
  replaceAllUses(value: Value, replacement: Value): void {
    this.#requireOwn(value);
    if (value === replacement) return;
    const uses = value.uses.filter(({ node }) => nodeAround(node, replacement.graph) !== replacement.producer);
    for (const { node } of uses) node.graph.#requireVisible(replacement);
    if (value.isGraphOutput) this.#replaceOutput(value, replacement);
    for (const { node, index } of uses) node.setInput(index, replacement);
  }

  /**
   * Removes the nodes whose results nothing reads and the initializers nothing reads, in subgraphs too.
   * Returns how many there were. Takes time proportional to the graph.
   */
  removeUnused(): number {
    const pending = [...this.nodes];
    let removed = 0;
    for (const node of pending) for (const body of node.bodies) removed += body.removeUnused();
    for (let node = pending.pop(); node !== undefined; node = pending.pop()) {
      if (node.isRemoved || !node.outputs.every((output) => output === undefined || isUnused(output))) continue;
      for (const { graph, producer } of valuesRead(node)) {
        if (graph === this && producer !== undefined) pending.push(producer);
      }
      this.removeNode(node);
      removed += 1;
    }
    for (const value of [...this.#initializers.values()]) {
      if (value.isGraphInput || !isUnused(value)) continue;
      this.#initializers.delete(value.name);
      this.#dropValue(value);
      removed += 1;
    }
    return removed;
  }

  /**
   * Puts each node after those whose outputs it reads, and changes the order no more than that needs. Throws
   * `CycleError`. Takes time proportional to the graph.
   */
  sort(): void {
    const order = topologicalOrder(this);
    this.#first = undefined;
    this.#last = undefined;
    this.#nodeCount = 0;
    for (const node of order) this.#link(node, undefined);
  }

  #addValue(name: string, type: ValueType | undefined, producer?: Node): Value {
    this.#requireFree(name);
    const state: ValueState = {
      name,
      producer,
      initializer: undefined,
      isGraphInput: false,
      isGraphOutput: false,
      uses: new Set(),
    };
    const value = createValue(this, state, type);
    this.#values.set(name, value);
    this.#names.add(name);
    return value;
  }

  #dropValue(value: Value): void {
    this.#values.delete(value.name);
    this.#names.remove(value.name);
  }

  #outputNames({ name, outputs }: NodeOptions): readonly string[] {
    if (typeof outputs === 'number') {
      return Array.from({ length: outputs }, (_, index) => this.uniqueName(`${name}_output_${index}`));
    }
    const named = outputs.filter((output) => output !== '');
    for (const output of named) this.#requireFree(output);
    if (new Set(named).size !== named.length) throw new Error(`node ${name} has two outputs of the same name`);
    return outputs;
  }

  #replaceOutput(value: Value, replacement: Value): void {
    const computed = replacement.graph === this && replacement.producer !== undefined;
    if (!computed || replacement.isGraphOutput || value.isGraphInput) {
      throw new Error(`${replacement.name} can't take the place of graph output ${value.name}: add an Identity node`);
    }
    const { name } = value;
    this.#outputs[this.#outputs.indexOf(value)] = replacement;
    valueState(value).isGraphOutput = false;
    valueState(replacement).isGraphOutput = true;
    const spare = replacement.name;
    valueState(replacement).name = name;
    valueState(value).name = spare;
    this.#values.set(name, replacement);
    this.#values.set(spare, value);
    if (value.initializer !== undefined) {
      this.#initializers.delete(name);
      this.#initializers.set(spare, value);
    }
  }

  #link(node: Node, before: Node | undefined): void {
    const state = nodeState(node);
    state.next = before;
    state.previous = before === undefined ? this.#last : before.previous;
    if (state.previous === undefined) this.#first = node;
    else nodeState(state.previous).next = node;
    if (before === undefined) this.#last = node;
    else nodeState(before).previous = node;
    this.#nodeCount += 1;
    this.#nodes = undefined;
  }

  #unlink(node: Node): void {
    const state = nodeState(node);
    if (state.previous === undefined) this.#first = state.next;
    else nodeState(state.previous).next = state.next;
    if (state.next === undefined) this.#last = state.previous;
    else nodeState(state.next).previous = state.previous;
    state.previous = undefined;
    state.next = undefined;
    this.#nodeCount -= 1;
    this.#nodes = undefined;
  }

  #requireOwn(value: Value): void {
    if (this.#values.get(value.name) !== value) throw new Error(`${value.name} is not a value of graph ${this.name}`);
  }

  #requireVisible(value: Value): void {
    if (this.visibleValue(value.name) !== value) {
      throw new Error(`value ${value.name} is not visible in graph ${this.name}`);
    }
  }

  #requireFree(name: string): void {
    if (name === '' || this.visibleValue(name) !== undefined) {
      throw new Error(`"${name}" can't be the name of another value of graph ${this.name}`);
    }
  }

  #requireUnused(value: Value): void {
    if (!isUnused(value)) throw new Error(`value ${value.name} can't be removed: it is still used`);
  }
}

function isUnused(value: Value): boolean {
  return value.useCount === 0 && !value.isGraphOutput;
}
