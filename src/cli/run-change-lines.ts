import { formatDuration } from '../format.js';
import type { ChangedStage, RunChanges } from '../report/compare/runs.js';
import { formatValue } from './output.js';

/** The differences of two runs as lines for people. */
export function runChangeLines({ added, removed, changed, unchanged }: RunChanges): string[] {
  return [
    ...removed.map((name) => `- ${name}`),
    ...added.map((name) => `+ ${name}`),
    ...changed.flatMap(stageLines),
    unchanged === 1 ? '1 stage is the same.' : `${unchanged} stages are the same.`,
  ];
}

function stageLines(stage: ChangedStage): string[] {
  const { name, statusBefore, statusAfter, durationMsBefore, durationMsAfter, digestBefore, digestAfter } = stage;
  const times = `${formatDuration(durationMsBefore)} -> ${formatDuration(durationMsAfter)}`;
  const isOther = digestBefore !== digestAfter;
  const artifact = isOther ? 'another artifact' : 'the same artifact';
  const hasBoth = isOther && digestBefore !== null && digestAfter !== null;
  return [
    `~ ${name}: ${artifact}, ${statusBefore} -> ${statusAfter}, ${times}`,
    ...stage.reasons.map(({ field, before, after }) => `    ${field} ${formatValue(before)} -> ${formatValue(after)}`),
    ...stage.metrics.map(
      ({ metric, before, after }) => `    metric ${metric} ${formatValue(before)} -> ${formatValue(after)}`,
    ),
    ...(hasBoth ? [`    quern diff ${digestBefore} ${digestAfter}`] : []),
  ];
}
