import type { Store } from '../store/store.js';
import type { LockFile } from './lock-file.js';
import { lockedSource } from './lock-file.js';
import type { StagePlan } from './plan.js';
import { resolveSource } from './sources.js';

/**
 * What is known, before anything runs, to differ from the lock file: the content of sources, the keys of stages whose
 * inputs are there, and the artifacts of stages that have a result. Lines for people, in the order of the recipe.
 */
export async function plannedDifferences(
  store: Store,
  plans: readonly StagePlan[],
  locked: LockFile,
): Promise<string[]> {
  const lines: string[] = [];
  for (const plan of plans) {
    for (const [source, digest] of await sourceDigests(store, plan)) {
      const name = `${plan.stage.name}.${source}`;
      const expected = locked.sources[name];
      const found = lockedSource(plan.stage, source, digest);
      if (expected !== found) lines.push(`source ${name}: locked ${expected ?? 'nothing'}, found ${found}`);
    }
    const difference = stageDifference(plan, locked);
    if (difference !== undefined) lines.push(`stage ${plan.stage.name}: ${difference}`);
  }
  return lines;
}

function stageDifference(plan: StagePlan, locked: LockFile): string | undefined {
  const { kind, name } = plan.stage;
  const entry = locked.stages[name];
  if (entry === undefined) return 'locked nothing';
  if ('measured' in entry) return kind.measures === true ? undefined : 'locked measured, but its kind does not measure';
  if (kind.measures === true) return `locked ${entry.key}, but its kind measures`;
  if (plan.state === 'pending') return undefined;
  const { key } = plan.concrete;
  if (entry.key !== key) return `locked ${entry.key}, found ${key}`;
  if (plan.state === 'run' || kind.machineDependent === true || entry.artifact === plan.record.artifact)
    return undefined;
  return `locked the artifact ${entry.artifact ?? 'nothing'}, found ${plan.record.artifact}`;
}

/** The sources of a stage that waits for its inputs are known as well. */
async function sourceDigests(store: Store, { stage, ...plan }: StagePlan): Promise<(readonly [string, string])[]> {
  const sources =
    plan.state === 'pending'
      ? await Promise.all(
          (stage.kind.sources?.(stage.parameters) ?? []).map((request) => resolveSource(store, stage, request)),
        )
      : plan.concrete.sources;
  return sources.map(({ pointer, digest }) => [pointer, digest]);
}
