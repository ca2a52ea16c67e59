import type { StageOutcome } from '../../build/events.js';
import { formatBytes, formatDuration, formatNumber } from '../../format.js';
import { errorText } from '../report-error.js';
import type { RendererOptions } from './choose.js';

/** Widths of the columns in which names and kinds stand. */
export interface Columns {
  readonly name: number;
  readonly kind: number;
}

export function columnsOf(stages: readonly { readonly name: string; readonly kind: string }[]): Columns {
  const widest = (lengths: readonly number[]): number => Math.max(4, ...lengths);
  return { name: widest(stages.map(({ name }) => name.length)), kind: widest(stages.map(({ kind }) => kind.length)) };
}

export function stagePrefix(stage: { readonly name: string; readonly kind: string }, columns: Columns): string {
  return `${stage.name.padEnd(columns.name)}  ${stage.kind.padEnd(columns.kind)}`;
}

/** What is said about a stage that has ended, in one line. */
export function outcomeText(outcome: StageOutcome): string {
  switch (outcome.status) {
    case 'cached':
      return `${outcome.headline}  (cached)`;
    case 'built':
      return `${outcome.headline}  ${formatDuration(outcome.durationMs)}`;
    case 'failed':
      return 'FAILED';
    case 'skipped':
      return `skipped: ${outcome.error?.message}`;
  }
}

/** The lines below a stage: gates that were missed and, for a failed stage, what went wrong. */
export async function detailLines(outcome: StageOutcome, options: RendererOptions): Promise<string[]> {
  const gates = outcome.gates
    .filter(({ ok }) => !ok)
    .map(
      ({ name, value }) =>
        `gate missed: ${name}, but it is ${typeof value === 'number' ? formatNumber(value) : JSON.stringify(value)}`,
    );
  if (outcome.status !== 'failed' || outcome.error === undefined) return gates;
  const details = options.verbose && outcome.error.details !== undefined ? [outcome.error.details] : [];
  return [...gates, await errorText(outcome.error), ...details];
}

/** The last line of a build: what it did, what it took, and what to look at next. */
export function summaryLine(recipe: string, outcomes: readonly StageOutcome[], durationMs: number): string {
  const count = (status: StageOutcome['status']): number =>
    outcomes.filter((outcome) => outcome.status === status).length;
  const parts = (['built', 'cached', 'failed', 'skipped'] as const)
    .map((status) => ({ status, count: count(status) }))
    .filter((part) => part.count > 0)
    .map((part) => `${part.count} ${part.status}`);
  const built = outcomes.filter(({ status }) => status === 'built');
  const peak =
    built.length === 0 ? '' : `; peak ${formatBytes(Math.max(...built.map(({ peakRssBytes }) => peakRssBytes)))}`;
  return `${outcomes.length} stages, ${parts.join(', ')} in ${formatDuration(durationMs)}${peak}. ${nextCommand(recipe, outcomes)}`;
}

/** What to look at or to do next. */
function nextCommand(recipe: string, outcomes: readonly StageOutcome[]): string {
  const failed = outcomes.find(({ status }) => status === 'failed');
  if (failed !== undefined) return `quern why ${recipe} ${failed.name}`;
  if (outcomes.some(({ status }) => status === 'skipped')) return `quern build ${recipe} goes on where this stopped`;
  return `quern show ${recipe} ${outcomes.at(-1)?.name ?? ''}`.trimEnd();
}
