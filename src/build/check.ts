import type { ResolvedStage } from '../recipe/load.js';
import { comparabilityOf } from './comparability.js';
import { describeError } from './describe-error.js';
import type { StageError } from './events.js';
import type { StagePlan } from './plan.js';
import { rebuildAside } from './rebuild.js';
import type { ActionContext } from './run-action.js';

/** What came of building a stage once more. */
export type CheckOutcome =
  | { readonly status: 'identical' }
  /** Not the same bit for bit, but within the tolerance that the kind states. */
  | { readonly status: 'within-tolerance'; readonly tolerance: number }
  /** `difference` names the first thing that differs, and by how much. */
  | { readonly status: 'differs'; readonly difference: string; readonly tolerance: number }
  | { readonly status: 'not-comparable'; readonly reason: string }
  | { readonly status: 'missing'; readonly reason: string }
  | { readonly status: 'failed'; readonly error: StageError };

export interface CheckedStage {
  readonly stage: ResolvedStage;
  readonly outcome: CheckOutcome;
}

/**
 * Compares what a stage made now with its stored artifact. Returns the first difference that is larger than `tolerance`,
 * and whether everything is the same bit for bit.
 */
export type CompareArtifact = (
  plan: StagePlan & { readonly state: 'cached' },
  outputDirectory: string,
  tolerance: number,
) => Promise<{ readonly identical: boolean; readonly difference: string | undefined }>;

/** Builds a stage once more from its recorded inputs and compares. Stages are independent: each is checked by itself. */
export async function checkStage(
  context: ActionContext,
  plan: StagePlan,
  compare: CompareArtifact,
): Promise<CheckOutcome> {
  if (plan.state !== 'cached') return { status: 'missing', reason: 'it has no result of the recipe as it is now' };
  const comparability = comparabilityOf(plan.stage.kind, plan.record);
  if (!comparability.comparable) return { status: 'not-comparable', reason: comparability.reason };
  const { tolerance } = comparability;
  try {
    const result = await rebuildAside(context, plan.stage, plan.concrete, (directory) =>
      compare(plan, directory, tolerance),
    );
    if (!result.ok) return { status: 'failed', error: result.error };
    const { identical, difference } = result.value;
    if (identical) return { status: 'identical' };
    if (difference === undefined) return { status: 'within-tolerance', tolerance };
    return { status: 'differs', difference, tolerance };
  } catch (error) {
    return { status: 'failed', error: describeError(error) };
  }
}
