import type { Model } from './model.js';

/** A change of a model. */
export interface Pass {
  readonly name: string;
  /** Changes the model in place and tells whether it did. What the change leaves unused may stay. */
  run(model: Model): boolean;
}

/** Runs passes in order, each followed by removing what it left unused. Returns the names of those that changed something. */
export function runPasses(model: Model, passes: readonly Pass[]): readonly string[] {
  return passes.flatMap((pass) => {
    if (!pass.run(model)) return [];
    model.graph.removeUnused();
    model.graph.sort();
    return [pass.name];
  });
}
