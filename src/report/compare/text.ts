import { formatBytes, formatNumber } from '../../format.js';
import type { ArtifactChanges, TensorFileChanges } from './artifacts.js';
import type { ChangedLayer } from './layers.js';
import type { ChangedTensor, TensorDistance } from './tensors.js';

const mostLines = 20;

/** The differences of two artifacts as lines for people; one line says so when there are none. */
export function artifactChangeLines({ identical, files, tensorFiles, values }: ArtifactChanges): string[] {
  if (identical) return ['identical, bit for bit'];
  return [
    ...limited(files.removed.map((path) => `- ${path}`)),
    ...limited(files.added.map((path) => `+ ${path}`)),
    ...limited(
      files.changed.map(({ path, sizeBytesBefore, sizeBytesAfter }) =>
        sizeBytesBefore === sizeBytesAfter
          ? `~ ${path} (${formatBytes(sizeBytesAfter)})`
          : `~ ${path} (${formatBytes(sizeBytesBefore)} -> ${formatBytes(sizeBytesAfter)})`,
      ),
    ),
    ...tensorFiles.flatMap(tensorFileLines),
    ...limited(
      values.map(
        ({ file, pointer, before, after }) =>
          `${file}${pointer}: ${JSON.stringify(before)} -> ${JSON.stringify(after)}`,
      ),
    ),
  ];
}

function tensorFileLines({ file, tensors, nodes, layers = [] }: TensorFileChanges): string[] {
  const layerLines = layers.map((layer) => `~ layer ${layerLine(layer)}`);
  const lines = [
    ...(nodes?.removed ?? []).map((name) => `- node ${name}`),
    ...(nodes?.added ?? []).map((name) => `+ node ${name}`),
    ...(nodes?.changed ?? []).flatMap(({ name, fields }) =>
      fields.map(
        ({ field, before, after }) => `~ node ${name}: ${field} ${before ?? 'nothing'} -> ${after ?? 'nothing'}`,
      ),
    ),
    ...tensors.removed.map((name) => `- tensor ${name}`),
    ...tensors.added.map((name) => `+ tensor ${name}`),
    ...tensors.changed.map((tensor) => `~ tensor ${tensorLine(tensor)}`),
  ];
  return [layerLines, lines].flatMap((some) => limited(some.map((line) => `${file}: ${line}`)));
}

function layerLine({ name, before, after, distance }: ChangedLayer): string {
  const types = before === after ? after : `${before} -> ${after}`;
  return distance === null ? `${name} ${types}` : `${name} ${types}: ${distanceText(distance)}`;
}

function tensorLine({ name, before, after, distance }: ChangedTensor): string {
  if (before !== after) return `${name} ${before} -> ${after}`;
  if (distance === null) return `${name} ${after}: other elements`;
  const { elements, differingElements } = distance;
  return `${name} ${after}: ${differingElements} of ${elements} elements, ${distanceText(distance)}`;
}

function distanceText({ maxAbs, relativeFrobenius }: TensorDistance): string {
  return `at most ${amount(maxAbs)}, relative Frobenius ${amount(relativeFrobenius)}`;
}

function amount(value: number | null): string {
  return value === null ? 'infinite' : formatNumber(value);
}

function limited(lines: readonly string[]): string[] {
  if (lines.length <= mostLines) return [...lines];
  return [...lines.slice(0, mostLines), `... and ${lines.length - mostLines} more (all of them with --json)`];
}
