import type { Graph } from './ir.js';
import type { Value } from './node.js';

/** Gives symbolic sizes of the values of a graph other names. Those without a new name stay. */
export function renameDimensions(graph: Graph, names: { readonly [name: string]: string }): void {
  const computed = graph.nodes.flatMap(({ outputs }) => outputs.filter((value): value is Value => value !== undefined));
  for (const value of [...graph.inputs, ...computed]) {
    const { type } = value;
    if (type?.shape === undefined) continue;
    const shape = type.shape.map((size) =>
      typeof size === 'string' && Object.hasOwn(names, size) ? names[size] : size,
    );
    value.type = { ...type, shape };
  }
}
