import type { GroupParameters } from './groups.js';
import { kernelInstance } from './instance.js';
import { copyPanelIn, copyPanelOut, type Panel, panelsOf, type Rows } from './panels.js';

/** Some rows of a weight that are quantized one after the other, each making up for the errors of those before. */
export interface RowBlock {
  /** float32 [rows, columns] */
  readonly weight: Rows;
  /** What the errors of earlier rows add to what each row aims at; becomes the errors of the rows: float32 [rows, columns]. */
  readonly sums: Float32Array;
  /** What row j gets of the error of row k, at [k, j]: float32 [rows, rows]. */
  readonly factors: Float32Array;
  readonly largestCode: number;
}

/** Quantizes with scales that are known: of each row, float32 [rows, columns]. Returns the dequantized rows. */
export function quantizeRowsKernel(block: RowBlock, { factors: scales, zeroPoints }: GroupParameters): Float32Array {
  const { rows, columns } = block.weight;
  return eachPanel(block, rows, (panel, memory, kernels) => {
    copyPanelIn({ values: scales, rows, columns }, panel, kernels.floats(memory.scales, rows * panel.paddedColumns));
    copyPanelIn(
      { values: zeroPoints, rows, columns },
      panel,
      kernels.floats(memory.zeroPoints, rows * panel.paddedColumns),
    );
    quantizeRun(block, panel, memory, { first: 0, rows, parameterBytes: panel.paddedColumns * 4, quantizes: true });
  });
}

/**
 * Quantizes in groups of rows with AMD's scales, each group's found when it is reached: for what its rows would become if
 * none of them were quantized. Returns the dequantized rows, and the scales and zero points, float32 [groups, columns].
 */
export function quantizeRowGroupsKernel(
  block: RowBlock,
  group: number,
  symmetric: boolean,
): { readonly values: Float32Array; readonly parameters: GroupParameters } {
  const { rows, columns } = block.weight;
  const groups = Math.ceil(rows / group);
  const factors = new Float32Array(groups * columns);
  const zeroPoints = new Float32Array(groups * columns);
  const values = eachPanel(block, 1, (panel, memory, kernels) => {
    const { columnRange, findGroupScales } = kernels.functions;
    const width = panel.paddedColumns;
    for (let index = 0; index < groups; index++) {
      const first = index * group;
      const count = Math.min(group, rows - first);
      const sums = kernels.floats(memory.sums + first * width * 4, count * width);
      const before = sums.slice();
      quantizeRun(block, panel, memory, { first, rows: count, parameterBytes: 0, quantizes: false });
      sums.set(before);
      columnRange(memory.results + first * width * 4, count, width, memory.minima, memory.maxima);
      const { scales, zeroPoints: zeros } = memory;
      findGroupScales(memory.minima, memory.maxima, width, block.largestCode, symmetric, scales, zeros);
      const place = index * columns + panel.firstColumn;
      factors.set(kernels.floats(scales, panel.columns), place);
      zeroPoints.set(kernels.floats(zeros, panel.columns), place);
      quantizeRun(block, panel, memory, { first, rows: count, parameterBytes: 0, quantizes: true });
    }
  });
  return { values, parameters: { factors, zeroPoints } };
}

interface PanelMemory {
  readonly values: number;
  readonly sums: number;
  readonly results: number;
  readonly factors: number;
  readonly scales: number;
  readonly zeroPoints: number;
  readonly minima: number;
  readonly maxima: number;
}

type Kernels = ReturnType<typeof kernelInstance>;

/** Lets `work` fill the results of each panel, and puts its errors into the place of the sums. */
function eachPanel(
  { weight, sums, factors }: RowBlock,
  parameterRows: number,
  work: (panel: Panel, memory: PanelMemory, kernels: Kernels) => void,
): Float32Array {
  const kernels = kernelInstance();
  const { rows, columns } = weight;
  const results = new Float32Array(weight.values.length);
  for (const panel of panelsOf({ ...weight, rows: rows * 5 })) {
    const rowBytes = panel.paddedColumns * 4;
    const bytes = rows * rowBytes;
    const [values, errors, restored, factor, scales, zeroPoints, minima, maxima] = kernels.layout(
      bytes,
      bytes,
      bytes,
      factors.byteLength,
      parameterRows * rowBytes,
      parameterRows * rowBytes,
      rowBytes,
      rowBytes,
    );
    const length = rows * panel.paddedColumns;
    copyPanelIn(weight, panel, kernels.floats(values, length));
    copyPanelIn({ values: sums, rows, columns }, panel, kernels.floats(errors, length));
    kernels.floats(factor, factors.length).set(factors);
    const memory = { values, sums: errors, results: restored, factors: factor, scales, zeroPoints, minima, maxima };
    work(panel, memory, kernels);
    copyPanelOut(kernels.floats(restored, length), panel, { values: results, rows, columns });
    copyPanelOut(kernels.floats(errors, length), panel, { values: sums, rows, columns });
  }
  return results;
}

interface Run {
  readonly first: number;
  readonly rows: number;
  /** Bytes from the parameters of a row to those of the next. */
  readonly parameterBytes: number;
  readonly quantizes: boolean;
}

/** Quantizes some rows of a block and corrects all behind them, or those of the run alone when it does not quantize. */
function quantizeRun(
  { weight, largestCode }: RowBlock,
  { paddedColumns }: Panel,
  memory: PanelMemory,
  { first, rows, parameterBytes, quantizes }: Run,
): void {
  const start = first * paddedColumns * 4;
  kernelInstance().functions.quantizeRows(
    memory.values + start,
    memory.sums + start,
    rows,
    quantizes ? weight.rows - first : rows,
    paddedColumns,
    memory.factors + (first * weight.rows + first) * 4,
    weight.rows * 4,
    memory.scales,
    memory.zeroPoints,
    parameterBytes,
    largestCode,
    quantizes,
    memory.results + start,
  );
}
