import type { StagePlan } from '../../build/plan.js';
import { planStages } from '../../build/plan.js';
import type { Run } from '../../build/runs.js';
import { runsOf } from '../../build/runs.js';
import type { ExitCode } from '../../errors.js';
import { exitCodes } from '../../errors.js';
import { dotText } from '../../report/graph/dot.js';
import { mermaidText } from '../../report/graph/mermaid.js';
import type { NodeState, RecipeGraph } from '../../report/graph/recipe-graph.js';
import { svgText } from '../../report/graph/svg.js';
import type { GraphCommandOptions, GraphFormat } from '../options.js';
import { printJson } from '../output.js';
import { chooseStages, defaultRecipe, openProject } from '../project.js';

const writers: { readonly [format in Exclude<GraphFormat, 'json'>]: (graph: RecipeGraph) => string } = {
  mermaid: mermaidText,
  dot: dotText,
  svg: svgText,
};

/** `quern graph [RECIPE]`: the stages, what they take from each other, and what a build would do with each. */
export async function graph(recipeFile: string | undefined, options: GraphCommandOptions): Promise<ExitCode> {
  const { recipe, store, config } = await openProject(defaultRecipe(recipeFile), options);
  const plans = await planStages(store, await chooseStages(recipe, [], options), { epoch: config.epoch });
  const [lastRun] = runsOf(store, recipe.path);
  const drawn = recipeGraph(plans, lastRun);
  const format = options.json ? 'json' : options.format;
  if (format === 'json') printJson({ recipe: recipe.file, ...drawn });
  else process.stdout.write(writers[format](drawn));
  return exitCodes.done;
}

function recipeGraph(plans: readonly StagePlan[], lastRun: Run | undefined): RecipeGraph {
  const failedKeys = new Set(
    lastRun?.stages.flatMap(({ status, key }) => (status === 'failed' && key !== null ? [key] : [])),
  );
  return {
    nodes: plans.map((plan) => ({
      name: plan.stage.name,
      kind: plan.stage.kind.name,
      state: nodeState(plan, failedKeys),
    })),
    edges: plans.flatMap(({ stage }) =>
      Object.entries(stage.inputs).map(([parameter, producer]) => ({ from: producer, to: stage.name, parameter })),
    ),
  };
}

function nodeState(plan: StagePlan, failedKeys: ReadonlySet<string>): NodeState {
  switch (plan.state) {
    case 'cached':
      return 'cached';
    case 'pending':
      return 'waits';
    case 'run':
      return failedKeys.has(plan.concrete.key) ? 'failed' : 'build';
  }
}
