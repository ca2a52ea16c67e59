import type { Node } from '../onnx/node.js';
import { valuesRead } from '../onnx/order.js';
import { oneKernel } from './one-kernel.js';

/** How CPU operators are dispatched: each on its own, or neighbours together. */
export type Granularity = 'op' | 'island';

/** Operators that run as one session. */
export interface Unit {
  readonly nodes: readonly Node[];
  readonly isOffloaded: boolean;
}

/**
 * Cuts nodes into units, each behind those it reads from. An offloaded node is a unit of its own. With granularity `op` so
 * is every other operator, those together that ONNX Runtime runs as one kernel; with `island` there are as few units of other
 * nodes as the offloaded ones between them allow.
 * `nodes` are of one graph and in topological order; what they read from elsewhere is there before the first unit runs.
 */
export function partition(
  nodes: readonly Node[],
  isOffloaded: (node: Node) => boolean,
  granularity: Granularity,
): readonly Unit[] {
  if (granularity === 'op') return singleOperators(nodes, isOffloaded);
  const levels: { readonly island: Node[]; readonly offloaded: Node[] }[] = [];
  const levelOf = new Map<Node, number>();
  for (const node of nodes) {
    const level = earliestLevel(node, levelOf, isOffloaded);
    levelOf.set(node, level);
    while (levels.length <= level) levels.push({ island: [], offloaded: [] });
    const { island, offloaded } = levels[level]!;
    (isOffloaded(node) ? offloaded : island).push(node);
  }
  return levels.flatMap(({ island, offloaded }) => [
    ...(island.length === 0 ? [] : [{ nodes: island, isOffloaded: false }]),
    ...offloaded.map((node) => ({ nodes: [node], isOffloaded: true })),
  ]);
}

/** Nodes of one kernel are at the place of the last of them. */
function singleOperators(nodes: readonly Node[], isOffloaded: (node: Node) => boolean): readonly Unit[] {
  const here = new Set(nodes);
  const kernelOf = new Map<Node, readonly Node[]>();
  for (const node of nodes) {
    const kernel = isOffloaded(node) ? [] : oneKernel(node, here);
    for (const member of kernel) kernelOf.set(member, kernel);
  }
  return nodes.flatMap((node): readonly Unit[] => {
    const kernel = kernelOf.get(node) ?? [node];
    return kernel.at(-1) === node ? [{ nodes: kernel, isOffloaded: isOffloaded(node) }] : [];
  });
}

/**
 * A level is an island and then offloaded nodes. A node belongs to the first level in which everything it reads has run:
 * behind an offloaded node that is the next one. Levels never fall along an edge, so no path leaves an island and returns.
 */
function earliestLevel(node: Node, levelOf: ReadonlyMap<Node, number>, isOffloaded: (node: Node) => boolean): number {
  let earliest = 0;
  for (const { producer } of valuesRead(node)) {
    const level = producer === undefined ? undefined : levelOf.get(producer);
    if (producer === undefined || level === undefined) continue;
    earliest = Math.max(earliest, isOffloaded(producer) ? level + 1 : level);
  }
  return earliest;
}
