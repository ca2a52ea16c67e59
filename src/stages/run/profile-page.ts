import { formatBytes, formatCount, formatPercent } from '../../format.js';
import type { ProfileRow } from '../../runtime/operator-profile.js';
import { tableCell } from './placement-page.js';

/** The files of a profile: `profile.json`, and `profile.md` with the slowest operators first. */
export function profileFiles(rows: readonly ProfileRow[] | undefined): { readonly [name: string]: string } {
  if (rows === undefined) return {};
  return {
    'profile.json': `${JSON.stringify({ format: 1, operators: rows }, null, 2)}\n`,
    'profile.md': profilePage(rows),
  };
}

function profilePage(rows: readonly ProfileRow[]): string {
  const passes = [...new Set(rows.map(({ tokens }) => tokens))];
  return [
    '# Profile',
    '',
    'Times of operators one by one, measured; what a simulated NPU would take is modelled, in a column of its own.',
    ...passes.flatMap((tokens) =>
      passSection(
        tokens,
        rows.filter((row) => row.tokens === tokens),
      ),
    ),
    '',
  ].join('\n');
}

function passSection(tokens: number, rows: readonly ProfileRow[]): string[] {
  const totalMs = rows.reduce((sum, { timeMs }) => sum + timeMs, 0);
  return [
    '',
    `## ${tokens === 1 ? 'One token' : `A prompt of ${tokens} tokens`}: ${totalMs.toFixed(3)} ms in ${rows.length} operators`,
    '',
    '| operator | type | device | shape | ms | share | MACs | bytes | modelled ms | reason |',
    '|---|---|---|---|---|---|---|---|---|---|',
    ...[...rows].sort((a, b) => b.timeMs - a.timeMs).map(line),
  ];
}

function line({ operator, type, device, shape, timeMs, share, macs, bytes, modelledMs, reason }: ProfileRow): string {
  const cells = [
    operator,
    type,
    device,
    shape === undefined ? '' : `${shape.m} x ${shape.k} x ${shape.n}`,
    timeMs.toFixed(3),
    formatPercent(share),
    macs === 0 ? '' : formatCount(macs),
    formatBytes(bytes),
    modelledMs === undefined ? '' : modelledMs.toFixed(3),
    reason,
  ];
  return `| ${cells.map(tableCell).join(' | ')} |`;
}
