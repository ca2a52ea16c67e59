import { QuernError } from '../errors.js';
import type { Graph } from '../onnx/ir.js';
import type { Model } from '../onnx/model.js';
import type { Node, Value } from '../onnx/node.js';
import { valuesRead } from '../onnx/order.js';
import { extractSubgraph } from '../onnx/subgraph.js';
import type { LinearLayer } from './linear-layers.js';
import { decoderLayerOf, findLinearLayers, moduleNameOf } from './linear-layers.js';

/** A decoder layer: the part of a graph between two values of the residual stream. */
export interface Segment {
  readonly decoderLayer: number;
  /** All paths from the tokens into the layer go through this value, and all paths out of it through `output`. */
  readonly input: Value;
  readonly output: Value;
  /** Linear layers of the segment, in the order of the graph. */
  readonly layers: readonly LinearLayer[];
}

/** A value at which the graph falls into two parts. */
interface Cut {
  readonly value: Value;
  /** Number of the last node before the cut. */
  readonly position: number;
}

/** The tokens' contents don't go through these. */
const shapeTypes = new Set(['Shape', 'Size']);

/**
 * The decoder layers of a graph in order, whatever their operators: what is computed from the tokens under the name of a
 * layer is in it. Throws where no single value leads from one to the next.
 */
export function findSegments(graph: Graph): readonly Segment[] {
  const uses = usesOnPaths(graph);
  const cuts = findCuts(graph, uses);
  const layersOf = new Map<number, LinearLayer[]>();
  for (const layer of findLinearLayers(graph)) {
    const { decoderLayer } = layer;
    if (decoderLayer !== undefined) layersOf.set(decoderLayer, [...(layersOf.get(decoderLayer) ?? []), layer]);
  }
  const segments: Segment[] = [];
  let previous: Cut | undefined;
  for (const [decoderLayer, { first, last }] of placesOfLayers(graph, uses)) {
    const before = cuts.findLast(({ position }) => position < first);
    const after = cuts.find(({ position }) => position >= last);
    if (before === undefined || after === undefined || before.position < (previous?.position ?? 0)) {
      throw new QuernError('stage', `decoder layer ${decoderLayer} is not joined to the others by single values`, {
        suggestion: 'this stage works on decoders with one residual stream',
      });
    }
    const layers = layersOf.get(decoderLayer) ?? [];
    segments.push({ decoderLayer, input: (previous ?? before).value, output: after.value, layers });
    previous = after;
  }
  return segments;
}

interface Places {
  readonly first: number;
  readonly last: number;
}

/** The numbers of the first and last node of each decoder layer, in the order of the layers. */
function placesOfLayers(graph: Graph, uses: ReadonlyMap<Value, number>): readonly (readonly [number, Places])[] {
  const places = new Map<number, Places>();
  for (const [position, node] of graph.nodes.entries()) {
    if (!node.outputs.some((output) => output !== undefined && uses.has(output))) continue;
    const decoderLayer = decoderLayerOf(moduleNameOf(node));
    if (decoderLayer === undefined) continue;
    places.set(decoderLayer, { first: places.get(decoderLayer)?.first ?? position, last: position });
  }
  return [...places].sort(([one], [other]) => one - other);
}

/** A part of a decoder that is run on its own. */
export interface Stretch {
  /** The value of the residual stream that it starts from; `undefined`: it starts from the tokens. */
  readonly input: Value | undefined;
  /** The value of the residual stream that it ends with; `undefined`: it ends with the logits. */
  readonly output: Value | undefined;
  /** Its linear layers, in the order of the graph. */
  readonly layers: readonly LinearLayer[];
}

/** A decoder as one stretch. */
export function wholeStretch(graph: Graph): Stretch {
  return { input: undefined, output: undefined, layers: findLinearLayers(graph) };
}

/** A decoder as stretches that follow on each other: what is in front of its layers, each layer, and what is behind them. */
export function findStretches(graph: Graph): readonly Stretch[] {
  const segments = findSegments(graph);
  const [first] = segments;
  if (first === undefined) return [wholeStretch(graph)];
  const cuts = [first.input, ...segments.map(({ output }) => output)];
  const logits = graph.value('logits');
  const left = new Set(findLinearLayers(graph));
  return [undefined, ...cuts].map((input, index) => {
    const output = cuts[index];
    const end = output ?? logits;
    const nodes = nodesBetween(input === undefined ? [] : [input], end === undefined ? [] : [end]);
    const layers = [...left].filter(({ node }) => nodes.has(node));
    for (const layer of layers) left.delete(layer);
    return { input, output, layers };
  });
}

/** The values that every path from the tokens to the logits goes through, in order. */
function findCuts({ nodes }: Graph, lastUses: ReadonlyMap<Value, number>): readonly Cut[] {
  const open = new Set<Value>();
  const cuts: Cut[] = [];
  for (const [position, node] of nodes.entries()) {
    for (const value of valuesRead(node)) if (lastUses.get(value) === position) open.delete(value);
    for (const output of node.outputs) if (output !== undefined && lastUses.has(output)) open.add(output);
    const [value, ...others] = open;
    if (value !== undefined && others.length === 0 && cuts.at(-1)?.value !== value) cuts.push({ value, position });
  }
  return cuts;
}

/** Values on a path from the contents of the tokens to the logits, and the number of the last node that reads each. */
function usesOnPaths(graph: Graph): ReadonlyMap<Value, number> {
  const { nodes } = graph;
  const tokens = graph.value('input_ids');
  const logits = graph.value('logits');
  if (tokens === undefined || logits === undefined) throw new Error('a decoder reads input_ids and computes logits');
  const reached = new Set<Value>([tokens]);
  for (const node of nodes) {
    if (shapeTypes.has(node.opType) || ![...valuesRead(node)].some((value) => reached.has(value))) continue;
    for (const output of node.outputs) if (output !== undefined) reached.add(output);
  }
  const lastUses = new Map<Value, number>([[logits, nodes.length]]);
  for (let position = nodes.length - 1; position >= 0; position--) {
    const node = nodes[position]!;
    if (!node.outputs.some((output) => output !== undefined && lastUses.has(output))) continue;
    for (const value of valuesRead(node)) {
      if (reached.has(value) && !lastUses.has(value)) lastUses.set(value, position);
    }
  }
  return lastUses;
}

/**
 * A model that computes some values of a graph from others and from what those don't depend on: nodes that compute masks
 * or positions come along. Outputs have the order given, and weights are shared.
 */
export function extractBetween(model: Model, inputs: readonly Value[], outputs: readonly Value[]): Model {
  const needed = nodesBetween(inputs, outputs);
  const part = extractSubgraph(
    model,
    model.graph.nodes.filter((node) => needed.has(node)),
  );
  for (const output of [...part.graph.outputs]) part.graph.removeOutput(output);
  for (const { name } of outputs) {
    const output = part.graph.value(name);
    if (output === undefined) throw new Error(`${name} is not computed by the part`);
    part.graph.addOutput(output);
  }
  return part;
}

/** The nodes by which some values are computed from others, and from what those don't depend on. */
function nodesBetween(inputs: readonly Value[], outputs: readonly Value[]): ReadonlySet<Node> {
  const given = new Set(inputs);
  const needed = new Set<Node>();
  const pending = [...outputs];
  for (let value = pending.pop(); value !== undefined; value = pending.pop()) {
    const { producer } = value;
    if (given.has(value) || producer === undefined || needed.has(producer)) continue;
    needed.add(producer);
    pending.push(...valuesRead(producer));
  }
  return needed;
}
