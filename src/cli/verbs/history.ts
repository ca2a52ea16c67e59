import type { StageOutcome } from '../../build/events.js';
import type { Run } from '../../build/runs.js';
import { runsOf } from '../../build/runs.js';
import type { ExitCode } from '../../errors.js';
import { exitCodes } from '../../errors.js';
import { formatDuration } from '../../format.js';
import type { HistoryCommandOptions } from '../options.js';
import { formatTable, printJson } from '../output.js';
import { defaultRecipe, openProject } from '../project.js';

const statuses = ['built', 'cached', 'failed', 'skipped'] as const;

/** `quern history [RECIPE]`: the last builds that ran something, the last one first. */
export async function history(recipeFile: string | undefined, options: HistoryCommandOptions): Promise<ExitCode> {
  const { recipe, store } = await openProject(defaultRecipe(recipeFile), options);
  const runs: Run[] = [];
  for (const run of runsOf(store, recipe.path)) {
    if (runs.length === options.limit) break;
    runs.push(run);
  }
  if (options.json) {
    printJson({ recipe: recipe.file, runs: runs.map(runDocument) });
    return exitCodes.done;
  }
  if (runs.length === 0) {
    process.stdout.write(`${recipe.file} has not been built yet. quern build ${recipe.file}\n`);
    return exitCodes.done;
  }
  const [last, before] = runs;
  const next = last === undefined || before === undefined ? '' : `quern diff ${before.id} ${last.id}\n`;
  process.stdout.write(`${formatTable(runs.map(runRow)).join('\n')}\n${next}`);
  return exitCodes.done;
}

function runDocument({ id, startedAt, status, durationMs, stages }: Run) {
  return {
    id,
    startedAt,
    status,
    durationMs,
    stages: stages.map(({ name, kind, status, key, digest, durationMs }) => ({
      name,
      kind,
      status,
      key,
      digest,
      durationMs,
    })),
  };
}

function runRow({ id, startedAt, status, durationMs, stages }: Run): string[] {
  const named = (status: StageOutcome['status']): string[] =>
    stages.filter((stage) => stage.status === status).map(({ name }) => name);
  const parts = statuses.flatMap((status) => {
    const names = named(status);
    if (names.length === 0) return [];
    return [status === 'cached' ? `${names.length} cached` : `${names.length} ${status} (${names.join(', ')})`];
  });
  const time = startedAt.slice(0, 19).replace('T', ' ');
  return [id, time, status, durationMs === null ? '' : formatDuration(durationMs), parts.join(', ')];
}
