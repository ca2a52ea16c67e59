/** What a build would do with a stage: nothing, build it, or wait for its inputs; `failed` is to build and failed last time. */
export const nodeStates = ['cached', 'build', 'waits', 'failed'] as const;
export type NodeState = (typeof nodeStates)[number];

export interface GraphNode {
  readonly name: string;
  readonly kind: string;
  readonly state: NodeState;
}

/** A stage takes the artifact of another one. */
export interface GraphEdge {
  readonly from: string;
  readonly to: string;
  /** The parameter of `to` that names `from`. */
  readonly parameter: string;
}

/** The stages of a recipe. Nodes are in topological order. */
export interface RecipeGraph {
  readonly nodes: readonly GraphNode[];
  readonly edges: readonly GraphEdge[];
}

/** How a state is said and drawn. Colours are legible on white and differ in lightness as well. */
export const stateStyles: {
  readonly [state in NodeState]: { readonly text: string; readonly fill: string; readonly stroke: string };
} = {
  cached: { text: 'cached', fill: '#e3f3e6', stroke: '#2e7d43' },
  build: { text: 'to build', fill: '#fff1cf', stroke: '#a86f00' },
  waits: { text: 'waits', fill: '#f1f1f4', stroke: '#73737f' },
  failed: { text: 'failed last time', fill: '#fbdcd9', stroke: '#b3261e' },
};
