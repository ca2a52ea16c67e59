import type { StageOutcome } from '../../build/events.js';
import { formatDuration, formatNumber } from '../../format.js';
import type { BuildSummary } from '../build-summary.js';

/** The page about a build that GitHub shows for a step of a workflow: a table of the stages, and one of the gates. */
export function stepSummary({ recipe, status, durationMs, stages }: BuildSummary): string {
  const gates = stages.flatMap(({ name, gates: ofStage }) => ofStage.map((gate) => ({ stage: name, ...gate })));
  const lines = [
    `### quern build ${escapeCell(recipe)}: ${status} in ${formatDuration(durationMs)}`,
    '',
    '| stage | kind | status | time | result |',
    '| --- | --- | --- | ---: | --- |',
    ...stages.map(stageRow),
  ];
  if (gates.length > 0) {
    lines.push('', '| stage | gate | value | |', '| --- | --- | ---: | --- |');
    for (const { stage, name, value, ok } of gates) {
      const shown = typeof value === 'number' ? formatNumber(value) : JSON.stringify(value);
      lines.push(
        `| ${escapeCell(stage)} | ${escapeCell(name)} | ${escapeCell(shown)} | ${ok ? 'held' : '**missed**'} |`,
      );
    }
  }
  return `${lines.join('\n')}\n\n`;
}

function stageRow({ name, kind, status, durationMs, headline, error }: StageOutcome): string {
  const time = status === 'built' ? formatDuration(durationMs) : '';
  const shownStatus = status === 'failed' ? '**failed**' : status;
  return `| ${escapeCell(name)} | ${escapeCell(kind)} | ${shownStatus} | ${time} | ${escapeCell(headline ?? error?.message ?? '')} |`;
}

/** A text that stays in its cell and is shown as it is. */
function escapeCell(text: string): string {
  return text
    .replace(/[\\`*_[\]<>|~]/g, (character) => `&#${character.charCodeAt(0)};`)
    .replaceAll(/\s*\r?\n\s*/g, ' ');
}
