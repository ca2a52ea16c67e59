import type { CheckedStage, CheckOutcome, CompareArtifact } from '../../build/check.js';
import { checkStage } from '../../build/check.js';
import { LocalExecutor } from '../../build/executors/local.js';
import { defaultMemoryBytes } from '../../build/memory-budget.js';
import { planStages } from '../../build/plan.js';
import { viewTree } from '../../build/views.js';
import type { ExitCode } from '../../errors.js';
import { exitCodes } from '../../errors.js';
import { compareArtifacts } from '../../report/compare/artifacts.js';
import { sideOfOutput } from '../../report/compare/side.js';
import { firstDifference } from '../../report/compare/tolerance.js';
import type { Store } from '../../store/store.js';
import type { TreeEntry } from '../../store/tree.js';
import { annotate } from '../github.js';
import { InterruptSignals } from '../interrupts.js';
import type { CommonOptions } from '../options.js';
import { printJson } from '../output.js';
import { columnsOf, stagePrefix } from '../progress/lines.js';
import type { Project } from '../project.js';
import { chooseStages, defaultRecipe, findStages, openProject } from '../project.js';

/**
 * `quern check [RECIPE] [STAGE...]`: builds stages once more, each from its recorded inputs, and compares bit for bit with
 * what is stored. The store stays as it is. Without names, all stages are checked.
 */
export async function check(
  recipeFile: string | undefined,
  stageNames: readonly string[],
  options: CommonOptions,
): Promise<ExitCode> {
  const project = await openProject(defaultRecipe(recipeFile), options);
  const { recipe } = project;
  await project.store.sweepSandboxes();
  // What is compared with must not be removed meanwhile.
  const use = project.store.beginUse();
  const interrupts = new InterruptSignals(() =>
    process.stderr.write('finishing this stage; interrupt again to stop it\n'),
  );
  try {
    const checked = await checkStages(project, stageNames, interrupts, options.json !== true);
    const status = checkStatus(checked);
    if (options.json) printJson({ recipe: recipe.file, status, stages: checked.map(checkedDocument) });
    await annotate(
      checked.flatMap(({ stage, outcome }) =>
        outcome.status === 'differs' || outcome.status === 'failed'
          ? [
              {
                level: 'error',
                title: `check of ${stage.name}`,
                message: outcomeText(outcome),
                location: stage.location,
              },
            ]
          : [],
      ),
    );
    return interrupts.stop.aborted ? exitCodes.interrupted : exitCodeOf(status);
  } finally {
    use.end();
    interrupts.release();
  }
}

async function checkStages(
  { recipe, store, config, offline }: Project,
  stageNames: readonly string[],
  interrupts: InterruptSignals,
  shown: boolean,
): Promise<CheckedStage[]> {
  const named = new Set(stageNames.flatMap((name) => findStages(recipe, name).map((stage) => stage.name)));
  const plans = await planStages(store, await chooseStages(recipe, [...named], { offline }), { epoch: config.epoch });
  const selected = plans.filter(({ stage }) => named.size === 0 || named.has(stage.name));
  const columns = columnsOf(selected.map(({ stage }) => ({ name: stage.name, kind: stage.kind.name })));
  const checked: CheckedStage[] = [];
  for (const plan of selected) {
    if (interrupts.stop.aborted) break;
    const context = {
      store,
      executor: new LocalExecutor(),
      kindModules: config.kindModules,
      memoryLimitBytes: config.memoryBytes ?? defaultMemoryBytes(),
      listener: { progress: () => {}, log: () => {} },
      onWait: () => {},
      stop: interrupts.stop,
      kill: interrupts.kill,
    };
    const outcome = await checkStage(context, plan, comparison(store, plan.stage.kind.measuredFiles ?? []));
    checked.push({ stage: plan.stage, outcome });
    if (!shown) continue;
    const prefix = stagePrefix({ name: plan.stage.name, kind: plan.stage.kind.name }, columns);
    process.stdout.write(`${prefix}  ${outcomeText(outcome)}\n`);
  }
  return checked;
}

/** Compares everything but the files that hold measured times. */
function comparison(store: Store, measuredFiles: readonly string[]): CompareArtifact {
  const isCompared = ({ path }: TreeEntry): boolean => !measuredFiles.includes(path);
  return async ({ record }, outputDirectory, tolerance) => {
    const files = (store.readTree(record.artifact)?.entries ?? []).filter(isCompared);
    const stored = { directory: await viewTree(store, record.artifact), files };
    const made = await sideOfOutput(outputDirectory);
    const changes = compareArtifacts(stored, { ...made, files: made.files.filter(isCompared) });
    return { identical: changes.identical, difference: firstDifference(changes, tolerance) };
  };
}

function outcomeText(outcome: CheckOutcome): string {
  switch (outcome.status) {
    case 'identical':
      return 'identical, bit for bit';
    case 'within-tolerance':
      return `the same within ${outcome.tolerance}`;
    case 'differs':
      return `DIFFERS${outcome.tolerance === 0 ? '' : ` by more than ${outcome.tolerance}`}: ${outcome.difference}`;
    case 'not-comparable':
      return `not compared: ${outcome.reason}`;
    case 'missing':
      return `not checked: ${outcome.reason}`;
    case 'failed':
      return `FAILED: ${outcome.error.message}`;
  }
}

function checkedDocument({ stage, outcome }: CheckedStage) {
  return { name: stage.name, kind: stage.kind.name, ...outcome };
}

type CheckStatus = 'ok' | 'differs' | 'failed';

/** A stage without a result can't be checked: that is a failure, but a difference matters more. */
function checkStatus(checked: readonly CheckedStage[]): CheckStatus {
  const statuses = new Set(checked.map(({ outcome }) => outcome.status));
  if (statuses.has('differs')) return 'differs';
  return statuses.has('failed') || statuses.has('missing') ? 'failed' : 'ok';
}

function exitCodeOf(status: CheckStatus): ExitCode {
  switch (status) {
    case 'ok':
      return exitCodes.done;
    case 'differs':
      return exitCodes.checkDiffers;
    case 'failed':
      return exitCodes.stageFailed;
  }
}
