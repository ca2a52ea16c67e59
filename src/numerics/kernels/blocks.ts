import { type Comparison, ComparisonSums } from './comparison.js';
import { type CodeLayout, groupsOf } from './groups.js';
import { kernelInstance } from './instance.js';
import { panelsOf, type Rows } from './panels.js';
import { panelBytes, placePanel } from './resident.js';

/** A matrix quantized in one pass. */
export interface QuantizedBlocks {
  /** [columns, columnBytes] */
  readonly codes: Uint8Array;
  /** float32 [columns, groups] */
  readonly scales: Float32Array;
  /** float32 [groups, columns]; absent if all are the middle of the codes. */
  readonly zeroPoints?: Float32Array;
  /** The matrix and what the codes stand for. */
  readonly comparison: Comparison;
}

/** The addresses that a kernel needs to quantize a block of a panel; what they mean stands with the kernels. */
interface BlockPlaces {
  readonly values: number;
  readonly stride: number;
  readonly rows: number;
  readonly columns: number;
  readonly codes: number;
  readonly scales: number;
  readonly scaleBytes: number;
  readonly zeroPoints: number;
  readonly state: number;
  readonly constants: number;
  readonly room: number;
}

interface BlockMethod {
  readonly hasZeroPoints: boolean;
  readonly constants: Float32Array;
  /** What the kernel needs beside its results for a panel of so many columns. */
  roomBytes(columns: number): number;
  quantize(places: BlockPlaces): void;
}

/** Finds ranges, ONNX Runtime's scales, codes and their error block by block, while the block is in the cache. */
export function quantizeBlocksKernel(matrix: Rows, layout: CodeLayout, symmetric: boolean): QuantizedBlocks {
  const { group, bits, largestCode, columnBytes } = layout;
  const { quantizeBlock } = kernelInstance().functions;
  return quantizeInBlocks(matrix, layout, {
    hasZeroPoints: !symmetric,
    constants: new Float32Array(),
    roomBytes: (columns) => columns * 4 * (2 + 8 / bits) + (columns * group * bits) / 8 + 512,
    quantize: ({ values, stride, rows, columns, codes, scales, scaleBytes, zeroPoints, state, room }) =>
      quantizeBlock(
        values,
        stride,
        rows,
        columns,
        largestCode,
        symmetric,
        bits,
        codes,
        columnBytes,
        scales,
        scaleBytes,
        zeroPoints,
        state,
        room,
      ),
  });
}

/** The same with the scales of k_quant. `levels`: float32 [20], one less than the levels of each step of the search. */
export function kQuantizeBlocksKernel(matrix: Rows, layout: CodeLayout, levels: Float32Array): QuantizedBlocks {
  const { group, bits, largestCode, columnBytes } = layout;
  const { kQuantizeBlock } = kernelInstance().functions;
  return quantizeInBlocks(matrix, layout, {
    hasZeroPoints: true,
    constants: levels,
    roomBytes: (columns) => columns * 4 * group + 6 * 16 * group + 32,
    quantize: ({ values, stride, rows, columns, codes, scales, scaleBytes, zeroPoints, state, constants, room }) =>
      kQuantizeBlock(
        values,
        stride,
        rows,
        group,
        columns,
        largestCode,
        constants,
        bits,
        codes,
        columnBytes,
        scales,
        scaleBytes,
        zeroPoints,
        state,
        room,
      ),
  });
}

function quantizeInBlocks(
  matrix: Rows,
  { group, bits, columnBytes }: CodeLayout,
  method: BlockMethod,
): QuantizedBlocks {
  const kernels = kernelInstance();
  const blocks = [...groupsOf(matrix.rows, group)];
  const scaleBytes = blocks.length * 4;
  const codes = new Uint8Array(matrix.columns * columnBytes);
  const scales = new Float32Array(blocks.length * matrix.columns);
  const zeroPoints = method.hasZeroPoints ? new Float32Array(blocks.length * matrix.columns) : undefined;
  const sums = new ComparisonSums();
  for (const panel of panelsOf(matrix)) {
    const { paddedColumns, columns, firstColumn } = panel;
    const [copy, scale, zeroPoint, result, state, constants, room] = kernels.layout(
      panelBytes(matrix, panel),
      paddedColumns * scaleBytes,
      paddedColumns * 4,
      paddedColumns * columnBytes,
      sums.sizeBytes,
      method.constants.byteLength,
      method.roomBytes(paddedColumns),
    );
    const { address, stride } = placePanel(matrix, panel, copy);
    kernels.bytes(result, columns * columnBytes).fill(0);
    kernels.floats(constants, method.constants.length).set(method.constants);
    sums.update(state, () => {
      for (const { index, firstRow, rows } of blocks) {
        method.quantize({
          values: address + firstRow * stride,
          stride,
          rows,
          columns: paddedColumns,
          codes: result + (firstRow * bits) / 8,
          scales: scale + index * 4,
          scaleBytes,
          zeroPoints: zeroPoint,
          state,
          constants,
          room,
        });
        zeroPoints?.set(kernels.floats(zeroPoint, columns), index * matrix.columns + firstColumn);
      }
    });
    scales.set(kernels.floats(scale, columns * blocks.length), firstColumn * blocks.length);
    codes.set(kernels.bytes(result, columns * columnBytes), firstColumn * columnBytes);
  }
  return { codes, scales, ...(zeroPoints && { zeroPoints }), comparison: sums.result() };
}
