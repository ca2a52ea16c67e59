import { formatBytes, formatCount, formatPercent } from '../../format.js';
import { escapeMarkup } from '../../markup.js';
import type { DeviceFault } from '../../runtime/device-faults.js';
import { type PassOperator, type PassTable, passName } from './pass-tables.js';
import { describeFault } from './placement-page.js';

/**
 * What ran where in each pass, and why, as a page for browsers: without scripts and without anything from elsewhere. Names
 * and messages come from models and drivers, and are shown as text whatever is in them.
 */
export function placementHtml(
  passes: readonly PassTable[],
  devices: readonly string[],
  faults: readonly DeviceFault[],
): string {
  return [
    '<!doctype html>',
    '<html lang="en">',
    '<head>',
    '<meta charset="utf-8">',
    `<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">`,
    '<title>Placement</title>',
    `<style>${style}</style>`,
    '</head>',
    '<body>',
    '<h1>Placement</h1>',
    `<p>Devices, in order of preference: ${escapeMarkup(devices.join(', '))}.</p>`,
    ...warnings(faults),
    '<h2>Coverage</h2>',
    '<p>Multiplications with weights (MACs) that are done on another device than the CPU. Attention, which multiplies',
    'activations with each other, is not counted.</p>',
    ...table(coverageColumns, passes.map(coverageCells)),
    ...passes.flatMap(passSection),
    '</body>',
    '</html>',
    '',
  ].join('\n');
}

const style = [
  'body { font: 14px/1.4 system-ui, sans-serif; margin: 2em; color: #111; background: #fff }',
  'table { border-collapse: collapse }',
  'th, td { border: 1px solid #ccc; padding: 2px 8px; text-align: left; vertical-align: top }',
  'td.number { text-align: right; white-space: nowrap }',
  'summary { font-size: 1.2em; margin: 1em 0 }',
].join('\n');

/** Of a table: what stands above it, and whether it holds numbers. */
interface Column {
  readonly title: string;
  readonly isNumber?: true;
}

const number = (title: string): Column => ({ title, isNumber: true });

const coverageColumns: readonly Column[] = [
  { title: 'pass' },
  ...['operators offloaded', 'MACs', 'MACs offloaded', 'coverage'].map(number),
];

function coverageCells({ tokens, offloadedOperators, macs, npuCoverage }: PassTable): readonly string[] {
  const offloadedMacs = Math.round(macs * npuCoverage);
  return [
    passName(tokens),
    String(offloadedOperators),
    formatCount(macs),
    formatCount(offloadedMacs),
    formatPercent(npuCoverage),
  ];
}

function warnings(faults: readonly DeviceFault[]): string[] {
  if (faults.length === 0) return [];
  const items = faults.map((fault) => `<li>${escapeMarkup(describeFault(fault))}</li>`);
  return ['<p><strong>Warning: devices failed, and the CPU went on.</strong></p>', '<ul>', ...items, '</ul>'];
}

function passSection({ tokens, operators }: PassTable): string[] {
  const isProfiled = operators.some(({ measured }) => measured !== undefined);
  const isModelled = operators.some(({ modelledMs }) => modelledMs !== undefined);
  const columns = operatorColumns.filter(
    ({ of }) => of === undefined || (of === 'measured' && isProfiled) || (of === 'modelled' && isModelled),
  );
  const rows = operators.map((operator) => columns.map(({ cell }) => cell(operator)));
  const title = `${passName(tokens)}: ${operators.length} operators`;
  return [
    `<details${tokens === 1 ? ' open' : ''}>`,
    `<summary>${title}</summary>`,
    ...table(columns, rows),
    '</details>',
  ];
}

interface OperatorColumn extends Column {
  /** What has to be there for the column to be shown. */
  readonly of?: 'measured' | 'modelled';
  readonly cell: (row: PassOperator) => string;
}

const operatorColumns: readonly OperatorColumn[] = [
  { title: 'operator', cell: ({ operator }) => operator },
  { title: 'type', cell: ({ type }) => type },
  {
    title: 'shape (m x k x n)',
    cell: ({ shape }) => (shape === undefined ? '' : `${shape.m} x ${shape.k} x ${shape.n}`),
  },
  { title: 'device', cell: ({ device }) => device },
  { title: 'reason', cell: ({ reason }) => reason },
  { ...number('MACs'), cell: ({ macs }) => (macs === 0 ? '' : formatCount(macs)) },
  { ...number('bytes'), cell: ({ bytes }) => (bytes === undefined ? '' : formatBytes(bytes)) },
  { ...number('measured ms'), of: 'measured', cell: ({ measured }) => measured?.timeMs.toFixed(3) ?? '' },
  {
    ...number('share'),
    of: 'measured',
    cell: ({ measured }) => (measured === undefined ? '' : formatPercent(measured.share)),
  },
  { ...number('modelled ms'), of: 'modelled', cell: ({ modelledMs }) => modelledMs?.toFixed(3) ?? '' },
];

function table(columns: readonly Column[], rows: readonly (readonly string[])[]): string[] {
  const cell = (text: string, index: number): string =>
    `<td${columns[index]?.isNumber ? ' class="number"' : ''}>${escapeMarkup(text)}</td>`;
  return [
    '<table>',
    `<thead><tr>${columns.map(({ title }) => `<th>${escapeMarkup(title)}</th>`).join('')}</tr></thead>`,
    '<tbody>',
    ...rows.map((cells) => `<tr>${cells.map(cell).join('')}</tr>`),
    '</tbody>',
    '</table>',
  ];
}
