import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ResolvedStage } from '../recipe/load.js';
import type { StageError } from './events.js';
import type { ConcreteAction } from './plan.js';
import type { ActionContext } from './run-action.js';
import { prepareSandbox } from './run-action.js';

export type RebuildResult<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly error: StageError };

/**
 * Runs an action once more in a sandbox of its own and hands the directory with what came out to `use`. Nothing of it
 * is kept: the store and the record stay as they are.
 */
export async function rebuildAside<T>(
  context: ActionContext,
  stage: ResolvedStage,
  concrete: ConcreteAction,
  use: (outputDirectory: string) => Promise<T>,
): Promise<RebuildResult<T>> {
  const { store } = context;
  const using = store.beginUse();
  const sandbox = store.createSandbox();
  try {
    for (const input of Object.values(concrete.action.inputs)) await store.claimTree(input);
    const { action } = prepareSandbox(context, stage, concrete, sandbox, { keepsParts: false });
    const file = join(sandbox.directory, 'action.json');
    writeFileSync(file, JSON.stringify(action));
    const report = await context.executor.run(file, action, context.listener, context.kill);
    return report.ok ? { ok: true, value: await use(action.outputDirectory) } : report;
  } finally {
    await sandbox.dispose();
    using.end();
  }
}
