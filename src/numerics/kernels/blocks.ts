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

/** Finds ranges, ONNX Runtime's scales, codes and their error block by block, while the block is in the cache. */
export function quantizeBlocksKernel(matrix: Rows, layout: CodeLayout, symmetric: boolean): QuantizedBlocks {
  const { group, bits, largestCode, columnBytes } = layout;
  const kernels = kernelInstance();
  const { quantizeBlock } = kernels.functions;
  const blocks = [...groupsOf(matrix.rows, group)];
  const codes = new Uint8Array(matrix.columns * columnBytes);
  const scales = new Float32Array(blocks.length * matrix.columns);
  const zeroPoints = symmetric ? undefined : new Float32Array(blocks.length * matrix.columns);
  const sums = new ComparisonSums();
  for (const panel of panelsOf(matrix)) {
    const { paddedColumns, columns, firstColumn } = panel;
    const rowBytes = paddedColumns * 4;
    const roomBytes = rowBytes * (2 + 8 / bits) + (paddedColumns * group * bits) / 8 + 512;
    const [copy, scale, zeroPoint, result, state, room] = kernels.layout(
      panelBytes(matrix, panel),
      paddedColumns * blocks.length * 4,
      rowBytes,
      paddedColumns * columnBytes,
      sums.sizeBytes,
      roomBytes,
    );
    const { address, stride } = placePanel(matrix, panel, copy);
    kernels.bytes(result, columns * columnBytes).fill(0);
    sums.update(state, () => {
      for (const { index, firstRow, rows } of blocks) {
        quantizeBlock(
          address + firstRow * stride,
          stride,
          rows,
          paddedColumns,
          largestCode,
          symmetric,
          bits,
          result + (firstRow * bits) / 8,
          columnBytes,
          scale + index * 4,
          blocks.length * 4,
          zeroPoint,
          state,
          room,
        );
        zeroPoints?.set(kernels.floats(zeroPoint, columns), index * matrix.columns + firstColumn);
      }
    });
    scales.set(kernels.floats(scale, columns * blocks.length), firstColumn * blocks.length);
    codes.set(kernels.bytes(result, columns * columnBytes), firstColumn * columnBytes);
  }
  return { codes, scales, ...(zeroPoints && { zeroPoints }), comparison: sums.result() };
}
