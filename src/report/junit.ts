import type { StageOutcome } from '../build/events.js';
import { escapeMarkup } from '../markup.js';
import type { BuildSummary } from './build-summary.js';

/**
 * A build as JUnit XML: a test case for each stage, and one for each of its gates. Times are in seconds; a cached stage
 * took none.
 */
export function junitXml({ recipe, durationMs, stages }: BuildSummary): string {
  const cases = stages.flatMap((stage) => [stageCase(stage), ...gateCases(stage)]);
  const count = (result: TestCase['result']): number => cases.filter((one) => one.result === result).length;
  const counts = `tests="${cases.length}" failures="${count('failure')}" errors="${count('error')}" skipped="${count('skipped')}" time="${seconds(durationMs)}"`;
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<testsuites name="quern" ${counts}>`,
    `<testsuite name="${escapeXml(recipe)}" ${counts}>`,
    ...cases.map(caseXml),
    '</testsuite>',
    '</testsuites>',
    '',
  ].join('\n');
}

interface TestCase {
  /** The stage it is about. */
  readonly group: string;
  readonly name: string;
  readonly durationMs: number;
  /** `failure`: a gate was missed; `error`: a stage failed. */
  readonly result: 'passed' | 'failure' | 'error' | 'skipped';
  readonly message: string;
}

function stageCase({ name, kind, status, durationMs, error }: StageOutcome): TestCase {
  const results = { built: 'passed', cached: 'passed', failed: 'error', skipped: 'skipped' } as const;
  const message = [error?.message, error?.suggestion].filter((part) => part !== undefined).join('\n');
  return {
    group: name,
    name: `${name} (${kind})`,
    durationMs: status === 'built' ? durationMs : 0,
    result: results[status],
    message,
  };
}

function gateCases({ name: group, gates }: StageOutcome): TestCase[] {
  return gates.map(({ name, value, ok }) => ({
    group,
    name: `gate ${name}`,
    durationMs: 0,
    result: ok ? 'passed' : 'failure',
    message: ok ? '' : `${name}, but it is ${JSON.stringify(value)}`,
  }));
}

function caseXml({ group, name, durationMs, result, message }: TestCase): string {
  const start = `<testcase classname="${escapeXml(group)}" name="${escapeXml(name)}" time="${seconds(durationMs)}"`;
  if (result === 'passed') return `${start}/>`;
  const [firstLine = ''] = message.split('\n');
  const body = result === 'skipped' ? '/>' : `>${escapeXml(message)}</${result}>`;
  return `${start}><${result} message="${escapeXml(firstLine)}"${body}</testcase>`;
}

function seconds(durationMs: number): string {
  return (durationMs / 1000).toFixed(3);
}

/** Characters that XML 1.0 does not allow, not even escaped, become U+FFFD. */
function escapeXml(text: string): string {
  return escapeMarkup(
    text.replace(/[^\t\n\r\u{20}-\u{D7FF}\u{E000}-\u{FFFD}\u{10000}-\u{10FFFF}]/gu, '\uFFFD'),
  ).replace(/[\n\r\t]/g, (character) => `&#${character.charCodeAt(0)};`);
}
