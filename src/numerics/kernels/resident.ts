import { kernelInstance } from './instance.js';
import { copyPanelIn, laneCount, type Panel, padded, panelValues, type Rows, smallestPanelColumns } from './panels.js';

/** Larger matrices stay outside: the memory of the kernels ends at 4 GiB. */
const largestResidentBytes = 2 ** 30;

/** Layouts hold at most about as many panels, one of them as values. */
const panelsOfLayout = 4;

/** Whether a matrix can lie in the memory of the kernels, where its panels are worked on without being copied. */
export function canBeResident(rows: number, columns: number): boolean {
  return rows * columns * 4 <= largestResidentBytes;
}

/** Gives a matrix in the memory of the kernels, with undefined content, to `use`. It ends with that. */
export function withResidentMatrix<Result>(rows: number, columns: number, use: (matrix: Rows) => Result): Result {
  const kernels = kernelInstance();
  const length = rows * columns;
  const layoutBytes = panelsOfLayout * 4 * Math.max(2 * panelValues, rows * smallestPanelColumns, padded(columns));
  return kernels.keep(length * 4, layoutBytes, (address) =>
    use({
      rows,
      columns,
      get values() {
        return kernels.floats(address, length);
      },
    }),
  );
}

/** Where a panel lies in the memory of the kernels, its rows `stride` bytes apart. */
export interface PlacedPanel {
  readonly address: number;
  readonly stride: number;
}

/** What a layout needs for a panel: nothing if it lies in the memory of the kernels. */
export function panelBytes(matrix: Rows, { paddedColumns }: Panel): number {
  return residentAddress(matrix) === undefined ? matrix.rows * paddedColumns * 4 : 0;
}

/** The panel where it lies, or copied to `room`, which has `panelBytes`. */
export function placePanel(matrix: Rows, panel: Panel, room: number): PlacedPanel {
  const resident = residentAddress(matrix);
  if (resident !== undefined) return { address: resident + panel.firstColumn * 4, stride: matrix.columns * 4 };
  copyPanelIn(matrix, panel, kernelInstance().floats(room, matrix.rows * panel.paddedColumns));
  return { address: room, stride: panel.paddedColumns * 4 };
}

/** Where some values lie in the memory of the kernels; in `room`, followed by zeros, unless they are `length` of them there. */
export function placeValues(values: Float32Array, start: number, count: number, length: number, room: number): number {
  const kernels = kernelInstance();
  const address = kernels.addressOf(values);
  if (address !== undefined && count === length) return address + start * 4;
  const target = kernels.floats(room, length);
  target.set(values.subarray(start, start + count));
  target.fill(0, count);
  return room;
}

/** With rows that end within 16 columns, kernels would take the start of the next row for part of them. */
function residentAddress({ values, columns }: Rows): number | undefined {
  return columns % laneCount === 0 ? kernelInstance().addressOf(values) : undefined;
}
