import { formatCount, formatPercent } from '../../format.js';
import type { DeviceFault } from '../../runtime/device-faults.js';
import type { Placement, PlacementRow } from '../../runtime/placement.js';

/** The placement of a model as a Markdown page: what runs where, and why. */
export function placementPage(
  placement: Placement,
  devices: readonly string[],
  faults: readonly DeviceFault[],
): string {
  const { rows, offloaded, npuCoverage } = placement;
  return [
    '# Placement',
    '',
    `Devices, in order of preference: ${devices.join(', ')}. ${offloaded.size} of ${rows.length} operators are offloaded.`,
    '',
    `They do ${formatPercent(npuCoverage)} of the multiplications with weights (MACs). Attention, which multiplies`,
    'activations with each other, is not counted.',
    '',
    ...warnings(faults),
    '| operator | type | device | weights (k x n) | MACs per token | reason |',
    '|---|---|---|---|---|---|',
    ...rows.map(tableRow),
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
  const lines = faults.map(({ operator, device, during, message }) => {
    return `- ${tableCell(operator)}: ${device} ${failures[during]}: ${tableCell(message)}`;
  });
  return ['Warning: devices failed, and the CPU went on.', '', ...lines, ''];
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
