import type { GemmShape } from '../device.js';
import type { NpuArray } from './fits.js';
import { group32Kernels, group128Kernels, type KernelTable } from './kernels.js';
import { hptMeasurements, type Measurement, stxMeasurements } from './measurements.js';
import { planTiles } from './plan.js';

/** Times of one dispatch in microseconds. `cCopyUs` is paid only where the output is copied, not where it is accumulated. */
export interface DispatchTime {
  readonly aCopyUs: number;
  readonly aSyncUs: number;
  readonly runUs: number;
  readonly cSyncUs: number;
  readonly cCopyUs: number;
}

type DispatchTimes = ReadonlyMap<string, DispatchTime>;

/** The measured time of one dispatch of a kernel, if it was measured. */
export function measuredTime(array: NpuArray, kernels: KernelTable, kernel: GemmShape): DispatchTime | undefined {
  return measuredKernels[array].get(kernelName(kernels, kernel));
}

function kernelName(kernels: KernelTable, { m, k, n }: GemmShape): string {
  return `${kernels.flow} ${m}x${k}x${n}`;
}

interface Sums {
  dispatches: number;
  copies: number;
  aCopyUs: number;
  aSyncUs: number;
  runUs: number;
  cSyncUs: number;
  cCopyUs: number;
}

/** Mean over all measured dispatches of each kernel: some operators were measured as several dispatches. */
function averageByKernel(measurements: readonly Measurement[]): DispatchTimes {
  const sums = new Map<string, Sums>();
  for (const measurement of measurements) addMeasurement(sums, measurement);
  return new Map([...sums].map(([name, sum]) => [name, average(sum)]));
}

function addMeasurement(sums: Map<string, Sums>, measurement: Measurement): void {
  const [m, k, n, groupSize, runUs, aCopyUs, aSyncUs, cCopyUs, cSyncUs] = measurement;
  const kernels = groupSize === 32 ? group32Kernels : group128Kernels;
  const plan = planTiles({ m, k, n }, kernels);
  for (const tile of plan.tiles) {
    const name = kernelName(kernels, tile);
    const sum = sums.get(name) ?? {
      dispatches: 0,
      copies: 0,
      aCopyUs: 0,
      aSyncUs: 0,
      runUs: 0,
      cSyncUs: 0,
      cCopyUs: 0,
    };
    sum.dispatches += plan.dispatches;
    sum.copies += plan.dispatches - plan.hostAccumulations;
    sum.aCopyUs += aCopyUs;
    sum.aSyncUs += aSyncUs;
    sum.runUs += runUs;
    sum.cSyncUs += cSyncUs;
    sum.cCopyUs += cCopyUs;
    sums.set(name, sum);
  }
}

function average(sum: Sums): DispatchTime {
  return {
    aCopyUs: sum.aCopyUs / sum.dispatches,
    aSyncUs: sum.aSyncUs / sum.dispatches,
    runUs: sum.runUs / sum.dispatches,
    cSyncUs: sum.cSyncUs / sum.dispatches,
    cCopyUs: sum.cCopyUs / sum.copies,
  };
}

const measuredKernels: { readonly [array in NpuArray]: DispatchTimes } = {
  xdna: averageByKernel(hptMeasurements),
  xdna2: averageByKernel(stxMeasurements),
};
