import { formatCount, formatPercent } from '../../format.js';
import type { DeviceFault } from '../../runtime/device-faults.js';
import type { Placement, PlacementRow } from '../../runtime/placement.js';
import type { PassPlacement } from '../../runtime/placement-shapes.js';
import { passName } from './pass-tables.js';

/** The placement of a model as a Markdown page: what runs where, and why. Totals are those of the first of the passes. */
export function placementPage(
  { rows }: Placement,
  passes: readonly PassPlacement[],
  devices: readonly string[],
  faults: readonly DeviceFault[],
): string {
  const [{ offloadedOperators, npuCoverage } = { offloadedOperators: 0, npuCoverage: 0 }] = passes;
  return [
    '# Placement',
    '',
    `Devices, in order of preference: ${devices.join(', ')}. ${offloadedOperators} of ${rows.length} operators are offloaded.`,
    '',
    `They do ${formatPercent(npuCoverage)} of the multiplications with weights (MACs). Attention, which multiplies`,
    'activations with each other, is not counted.',
    '',
    ...warnings(faults),
    '| operator | type | device | weights (k x n) | MACs per token | reason |',
    '|---|---|---|---|---|---|',
    ...rows.map(tableRow),
    ...differences(passes),
    '',
  ].join('\n');
}

const failures: { readonly [D in DeviceFault['during']]: string } = {
  ask: 'failed when asked whether it takes it',
  prepare: 'did not take its weights',
  run: 'failed to run it',
};

function warnings(faults: readonly DeviceFault[]): string[] {
  if (faults.length === 0) return [];
  const lines = faults.map((fault) => `- ${tableCell(describeFault(fault))}`);
  return ['Warning: devices failed, and the CPU went on.', '', ...lines, ''];
}

/** What a device failed at, in a line. */
export function describeFault({ operator, device, during, message }: DeviceFault): string {
  return `${operator}: ${device} ${failures[during]}: ${message}`;
}

/** Where operators run on another device with a prompt than with a token: those operators. */
function differences(passes: readonly PassPlacement[]): string[] {
  const [first, ...others] = passes;
  const moved = (first?.operators ?? []).flatMap(({ operator, device }, index) => {
    const elsewhere = others.map(({ operators }) => operators[index]?.device ?? device);
    return elsewhere.every((other) => other === device) ? [] : [[operator, device, ...elsewhere]];
  });
  if (moved.length === 0) return [];
  const coverage = passes.map(({ npuCoverage }) => formatPercent(npuCoverage));
  const line = (cells: readonly string[]): string => `| ${cells.map(tableCell).join(' | ')} |`;
  return [
    '',
    '## Where passes differ',
    '',
    line(['operator', ...passes.map(({ tokens }) => passName(tokens))]),
    line(['operator', ...passes].map(() => '---')),
    line(['share of MACs', ...coverage]),
    ...moved.map(line),
  ];
}

function tableRow({ operator, type, device, shape, macsPerToken, reason }: PlacementRow): string {
  const weights = shape === undefined ? '' : `${shape.k} x ${shape.n}`;
  const macs = macsPerToken === 0 ? '' : formatCount(macsPerToken);
  return `| ${[operator, type, device, weights, macs, reason].map(tableCell).join(' | ')} |`;
}

/** Names come from a model file and may have anything in them. */
export function tableCell(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('|', '\\|').replaceAll(/\s+/g, ' ');
}
