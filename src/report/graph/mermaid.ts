import type { RecipeGraph } from './recipe-graph.js';
import { nodeStates, stateStyles } from './recipe-graph.js';

/** The graph as a Mermaid flowchart, which GitHub draws in Markdown. */
export function mermaidText({ nodes, edges }: RecipeGraph): string {
  const ids = new Map(nodes.map(({ name }, index) => [name, `s${index}`]));
  const used = nodeStates.filter((state) => nodes.some((node) => node.state === state));
  const lines = [
    'flowchart LR',
    ...nodes.map(
      ({ name, kind, state }) =>
        `  ${ids.get(name)}["${escapeText(name)}<br/>${escapeText(kind)}, ${stateStyles[state].text}"]:::${state}`,
    ),
    ...edges.map(({ from, to, parameter }) => `  ${ids.get(from)} -->|"${escapeText(parameter)}"| ${ids.get(to)}`),
    ...used.map(
      (state) => `  classDef ${state} fill:${stateStyles[state].fill},stroke:${stateStyles[state].stroke},color:#111`,
    ),
  ];
  return `${lines.join('\n')}\n`;
}

/** Mermaid reads `#name;` and `#number;` as characters inside quoted text. */
function escapeText(text: string): string {
  return text.replace(/[^\p{L}\p{N} ._,=/-]/gu, (character) => `#${character.codePointAt(0)};`);
}
