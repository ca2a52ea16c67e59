import type { RecipeGraph } from './recipe-graph.js';
import { stateStyles } from './recipe-graph.js';

/** The graph in the language of Graphviz. */
export function dotText({ nodes, edges }: RecipeGraph): string {
  const lines = [
    'digraph recipe {',
    '  rankdir=LR;',
    '  node [shape=box, style="rounded,filled", fontname="Helvetica"];',
    ...nodes.map(({ name, kind, state }) => {
      const { text, fill, stroke } = stateStyles[state];
      return `  ${quoted(name)} [label=${quoted(`${name}\n${kind}, ${text}`)}, fillcolor="${fill}", color="${stroke}"];`;
    }),
    ...edges.map(({ from, to, parameter }) => `  ${quoted(from)} -> ${quoted(to)} [label=${quoted(parameter)}];`),
    '}',
  ];
  return `${lines.join('\n')}\n`;
}

function quoted(text: string): string {
  return `"${text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')}"`;
}
