import { escapeMarkup } from '../../markup.js';
import type { Layout, Place } from './layout.js';
import { layeredLayout } from './layout.js';
import type { GraphNode, RecipeGraph } from './recipe-graph.js';
import { stateStyles } from './recipe-graph.js';

const margin = 12;
const boxHeight = 40;
const rowHeight = 56;
const columnGap = 56;
const characterWidth = 7.3;
const smallestBoxWidth = 72;
const smallestPassage = 8;

interface Box {
  readonly x: number;
  readonly y: number;
  readonly width: number;
}

/** The graph as a drawing: layers from left to right, a box a stage, a curve an edge. The same graph gives the same bytes. */
export function svgText(graph: RecipeGraph): string {
  const nodes = new Map(graph.nodes.map((node) => [node.name, node]));
  const layout = layeredLayout(graph);
  const boxes = placeBoxes(layout, nodes);
  const places = new Map(layout.layers.flat().map((place) => [place.stage, place]));
  const ends = [...boxes.values()];
  const width = Math.max(0, ...ends.map((box) => box.x + box.width)) + margin;
  const height = Math.max(0, ...ends.map(({ y }) => y + boxHeight)) + margin;
  const edges = layout.routes.map((route, index) => {
    const edge = graph.edges[index];
    const title = edge === undefined ? '' : `${edge.to}: ${edge.parameter} is ${edge.from}`;
    return `<path d="${curve(route, boxes)}"><title>${escapeMarkup(title)}</title></path>`;
  });
  const shapes = graph.nodes.map((node) => {
    const place = places.get(node.name);
    const box = place === undefined ? undefined : boxes.get(place);
    return box === undefined ? '' : boxText(node, box);
  });
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" font-family="monospace" font-size="12">`,
    '<defs><marker id="arrow" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto"><path d="M0,0L8,4L0,8z" fill="#73737f"/></marker></defs>',
    `<g fill="none" stroke="#73737f" marker-end="url(#arrow)">`,
    ...edges,
    '</g>',
    ...shapes,
    '</svg>',
    '',
  ].join('\n');
}

/** Columns are as wide as their widest box; every layer is centred on the tallest one. */
function placeBoxes({ layers }: Layout, nodes: ReadonlyMap<string, GraphNode>): ReadonlyMap<Place, Box> {
  const boxes = new Map<Place, Box>();
  const rows = Math.max(0, ...layers.map(({ length }) => length));
  let x = margin;
  for (const layer of layers) {
    const width = Math.max(smallestPassage, ...layer.map(({ stage }) => boxWidth(nodes.get(stage ?? ''))));
    const top = margin + ((rows - layer.length) * rowHeight) / 2;
    for (const place of layer) boxes.set(place, { x, y: top + place.order * rowHeight, width });
    x += width + columnGap;
  }
  return boxes;
}

function boxWidth(node: GraphNode | undefined): number {
  if (node === undefined) return smallestPassage;
  const longest = Math.max(node.name.length, subtitle(node).length);
  return Math.max(smallestBoxWidth, Math.ceil(longest * characterWidth) + 16);
}

function subtitle({ kind, state }: GraphNode): string {
  return `${kind}, ${stateStyles[state].text}`;
}

function boxText(node: GraphNode, { x, y, width }: Box): string {
  const { fill, stroke } = stateStyles[node.state];
  return [
    `<g><rect x="${x}" y="${y}" width="${width}" height="${boxHeight}" rx="5" fill="${fill}" stroke="${stroke}"/>`,
    `<text x="${x + 8}" y="${y + 17}" font-weight="bold" fill="#111">${escapeMarkup(node.name)}</text>`,
    `<text x="${x + 8}" y="${y + 32}" fill="#444">${escapeMarkup(subtitle(node))}</text></g>`,
  ].join('');
}

/** From the right side of the first box to the left side of the last one, straight through the columns between. */
function curve(route: readonly Place[], boxes: ReadonlyMap<Place, Box>): string {
  let path = '';
  let fromX = 0;
  let fromY = 0;
  for (const [index, place] of route.entries()) {
    const { x, y, width } = boxes.get(place) ?? { x: 0, y: 0, width: 0 };
    const middle = y + boxHeight / 2;
    if (index > 0) {
      const bend = fromX + (x - fromX) / 2;
      path += `C${bend},${fromY} ${bend},${middle} ${x},${middle}`;
      if (index < route.length - 1) path += `L${x + width},${middle}`;
    } else {
      path = `M${x + width},${middle}`;
    }
    fromX = x + width;
    fromY = middle;
  }
  return path;
}
