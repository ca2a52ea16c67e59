import type { RecipeGraph } from './recipe-graph.js';

/** A place in a layer: a stage, or a point through which an edge that spans several layers passes. */
export interface Place {
  /** Position in the layer, from 0. */
  order: number;
  readonly layer: number;
  readonly stage: string | undefined;
}

export interface Layout {
  /** Every layer in order: stages stand one layer or more behind all that they take. */
  readonly layers: readonly (readonly Place[])[];
  /** For each edge of the graph, in its order: the places it passes, ends included. */
  readonly routes: readonly (readonly Place[])[];
}

/** How often the order in the layers is improved. Few rounds find most crossings; more change little. */
const sweeps = 8;

/**
 * Arranges a graph in layers (Sugiyama's method): layers by longest path, points for long edges, and order in a layer by
 * the mean place of the neighbours. Depends on the order of nodes and edges alone.
 */
export function layeredLayout(graph: RecipeGraph): Layout {
  const layers: Place[][] = [];
  const add = (layer: number, stage: string | undefined): Place => {
    const places = layers[layer] ?? [];
    layers[layer] = places;
    const place: Place = { layer, stage, order: places.length };
    places.push(place);
    return place;
  };
  const places = new Map([...longestPaths(graph)].map(([name, layer]) => [name, add(layer, name)]));
  const routes = graph.edges.map(({ from, to }) => {
    const [start, end] = [places.get(from), places.get(to)];
    if (start === undefined || end === undefined) throw new Error(`edge ${from} -> ${to} leads out of the graph`);
    const between = end.layer - start.layer - 1;
    return [start, ...Array.from({ length: between }, (_, index) => add(start.layer + index + 1, undefined)), end];
  });
  const neighbours = neighboursOf(routes);
  for (let sweep = 0; sweep < sweeps; sweep++) {
    const forward = sweep % 2 === 0;
    for (const layer of forward ? layers : layers.toReversed()) orderLayer(layer, neighbours, forward ? -1 : 1);
  }
  return { layers, routes };
}

/** Edges on the longest way to each node. */
function longestPaths({ nodes, edges }: RecipeGraph): ReadonlyMap<string, number> {
  const producers = new Map<string, string[]>(nodes.map(({ name }) => [name, []]));
  for (const { from, to } of edges) producers.get(to)?.push(from);
  const lengths = new Map<string, number>();
  for (const [name, from] of producers) {
    lengths.set(
      name,
      from.reduce((longest, producer) => Math.max(longest, (lengths.get(producer) ?? 0) + 1), 0),
    );
  }
  return lengths;
}

type Neighbours = ReadonlyMap<Place, readonly Place[]>;

function neighboursOf(routes: readonly (readonly Place[])[]): Neighbours {
  const neighbours = new Map<Place, Place[]>();
  const connect = (one: Place, other: Place): void => {
    const known = neighbours.get(one);
    if (known === undefined) neighbours.set(one, [other]);
    else known.push(other);
  };
  for (const route of routes) {
    for (const [index, place] of route.entries()) {
      const next = route[index + 1];
      if (next === undefined) continue;
      connect(place, next);
      connect(next, place);
    }
  }
  return neighbours;
}

/** Sorts a layer by the mean place of its neighbours in the layer before (-1) or behind (1) it. Without any, a place stays. */
function orderLayer(layer: Place[], neighbours: Neighbours, direction: -1 | 1): void {
  const wanted = new Map(
    layer.map((place) => {
      const orders = (neighbours.get(place) ?? [])
        .filter((neighbour) => neighbour.layer === place.layer + direction)
        .map(({ order }) => order);
      const mean = orders.reduce((sum, order) => sum + order, 0) / orders.length;
      return [place, orders.length === 0 ? place.order : mean] as const;
    }),
  );
  layer.sort((one, other) => (wanted.get(one) ?? 0) - (wanted.get(other) ?? 0) || one.order - other.order);
  for (const [order, place] of layer.entries()) place.order = order;
}
