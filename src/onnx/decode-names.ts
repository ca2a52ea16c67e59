import { QuernError } from '../errors.js';
import type { Graph } from './ir.js';
import type { Node, Value } from './node.js';

/**
 * What names mean while a model is read. A name inside a body may repeat one outside that is not visible yet: an output of
 * the node that has the body, or of a later one. Here all names of a body and around it differ, so the inner one is
 * changed. Every refusal is a `QuernError`.
 */
export class DecodeNames {
  readonly #changed = new Map<Graph, Map<string, string>>();
  /** Nodes whose outputs their bodies can't see. */
  readonly #unconnected = new Set<Node>();

  begin(node: Node): void {
    this.#unconnected.add(node);
  }

  end(node: Node): void {
    this.#unconnected.delete(node);
  }

  /** The name that a new value of a graph gets. */
  define(graph: Graph, name: string): string {
    if (name === '') throw new QuernError('input', `graph "${graph.name}" has a value without a name`);
    const hidden = this.visible(graph, name);
    if (hidden === undefined) return name;
    const isHideable =
      hidden.graph !== graph && hidden.producer !== undefined && this.#unconnected.has(hidden.producer);
    if (!isHideable) throw new QuernError('input', `graph "${graph.name}" defines "${name}" twice`);
    const changed = this.#changed.get(graph) ?? new Map<string, string>();
    const other = changed.get(name) ?? graph.uniqueName(`${graph.name}/${name}`);
    this.#changed.set(graph, changed.set(name, other));
    return other;
  }

  /** The value of a graph that its file calls so. */
  own(graph: Graph, name: string): Value | undefined {
    return graph.value(this.#changed.get(graph)?.get(name) ?? name);
  }

  /** The value that a name means inside a graph: its own, or that of the nearest graph around it. */
  visible(graph: Graph, name: string): Value | undefined {
    const value = this.own(graph, name);
    return value === undefined && graph.parent !== undefined ? this.visible(graph.parent, name) : value;
  }
}
