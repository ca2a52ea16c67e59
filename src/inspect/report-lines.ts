import { formatBytes, formatCount, formatPercent } from '../format.js';
import type { ModelReport, StructureReport } from './model-report.js';

/** A report for people: decoder layers that are alike share a line, with `*` for their number. Rows of cells. */
export function modelReportRows(report: ModelReport): readonly (readonly string[])[] {
  const { model, structure } = report;
  const rows: string[][] = [
    ['model', model === null ? 'not known' : model.architecture],
    ['weights', `${formatCount(report.elements)} elements, ${formatBytes(report.bytes)}`],
  ];
  if (model !== null) {
    rows.push(
      ['layers', `${model.layers}, hidden size ${model.hiddenSize}`],
      ['heads', `${model.heads} of ${model.headSize}, ${model.keyValueHeads} for keys and values`],
      ['vocabulary', String(model.vocabularySize)],
      ['positions', String(model.maximumPositions)],
    );
  }
  rows.push(['tokenizer', report.tokenizer ?? 'none']);
  for (const { dataType, tensors, elements, bytes } of report.tensors) {
    rows.push([dataType, `${formatCount(elements)} elements, ${formatBytes(bytes)}, tensors: ${tensors}`]);
  }
  if (structure !== null) rows.push(...structureRows(structure));
  for (const reason of report.unsupported) rows.push(['unsupported', reason]);
  return rows;
}

function structureRows(structure: StructureReport): string[][] {
  const layers = collapse(
    structure.linearLayers.map((layer) => `${layer.name} [${layer.inputFeatures}, ${layer.outputFeatures}]`),
  );
  const quantized = collapse(
    structure.quantizedLayers.map((layer) => {
      const shape = `${layer.name} [${layer.inputFeatures}, ${layer.outputFeatures}]`;
      return `${shape} ${layer.weights}, activations ${layer.activations}`;
    }),
  );
  const groupLines = (extended: boolean): readonly string[] => {
    const groups = structure.smoothingGroups.filter((group) => group.extended === extended);
    return collapse(groups.map(({ source, layers: readers }) => `${source} -> ${readers.join(', ')}`));
  };
  const refused = collapse(structure.notSmoothed.map(({ name, reason }) => `${name}: ${reason}`));
  return [
    ['operators', structure.operators.map(({ type, count }) => `${count} ${type}`).join(', ')],
    ['segments', String(structure.segments)],
    ...layers.map((line) => ['linear', line]),
    ...quantized.map((line) => ['quantized', line]),
    ...errorLines(structure).map((line) => ['errors', line]),
    ...groupLines(false).map((line) => ['smoothing', line]),
    ...groupLines(true).map((line) => ['extended', line]),
    ...refused.map((line) => ['not smoothed', line]),
  ];
}

/** The largest errors that quantizing has left, where they are known. */
function errorLines({ quantizedLayers }: StructureReport): readonly string[] {
  return (['weightError', 'outputError'] as const).flatMap((kind) => {
    const known = quantizedLayers.filter((layer) => layer[kind] !== null);
    const [first, ...others] = known;
    if (first === undefined) return [];
    const worst = others.reduce((most, layer) => (Number(layer[kind]) > Number(most[kind]) ? layer : most), first);
    const what = kind === 'weightError' ? 'weights' : 'outputs';
    return [`${what} up to ${formatPercent(worst[kind])} (${worst.name})`];
  });
}

/** Lines that differ in the numbers of their modules only become one, with how often it stands for. */
function collapse(lines: readonly string[]): readonly string[] {
  const counts = new Map<string, number>();
  for (const line of lines) {
    const pattern = line.replaceAll(/(?<=[./])\d+(?=[./])/g, '*');
    counts.set(pattern, (counts.get(pattern) ?? 0) + 1);
  }
  return [...counts].map(([pattern, count]) => (count === 1 ? pattern : `${pattern}  ${count} times`));
}
