import type { ModelledTime, Tile, TilePlan, TimeBasis } from '../device.js';
import type { NpuName } from '../names.js';
import { arrayOf, evaluate, hostLines, isFitted, type NpuArray, runLine } from './fits.js';
import type { KernelTable } from './kernels.js';
import { type DispatchTime, measuredTime } from './measured.js';

/**
 * Modelled time of an operator on an NPU: its dispatches one after the other, each with copies and cache synchronisation of
 * its buffers, as AMD's eager host code does it. Kernels that AMD measured have the measured times, others those of `fits.ts`.
 * Phoenix has no published times of its own: with group weights it gets those of Hawk Point, the same array with a higher clock,
 * so they are a lower bound. The integer times of both come from one published model, whose NPU is not named.
 */
export function modelTime(
  npu: NpuName,
  plan: TilePlan,
  kernels: KernelTable,
): { readonly time: ModelledTime; readonly basis: TimeBasis } {
  const array = arrayOf(npu);
  const parts = { aCopyUs: 0, aSyncUs: 0, runUs: 0, cSyncUs: 0, cCopyUs: 0 };
  let everyKernelMeasured = true;
  const copiedShare = 1 - plan.hostAccumulations / plan.dispatches;
  for (const tile of plan.tiles) {
    const known = measuredTime(array, kernels, tile);
    const one = known ?? fittedTime(array, kernels, tile);
    if (known === undefined) everyKernelMeasured = false;
    parts.aCopyUs += tile.count * one.aCopyUs;
    parts.aSyncUs += tile.count * one.aSyncUs;
    parts.runUs += tile.count * one.runUs;
    parts.cSyncUs += tile.count * one.cSyncUs;
    parts.cCopyUs += tile.count * copiedShare * one.cCopyUs;
  }
  const accumulateUs = plan.hostAccumulations * evaluate(hostLines[array].accumulate, plan.buffers.outputBytes);
  const totalUs = parts.aCopyUs + parts.aSyncUs + parts.runUs + parts.cSyncUs + parts.cCopyUs + accumulateUs;
  return { time: { ...parts, accumulateUs, totalUs }, basis: basisOf(npu, kernels, everyKernelMeasured) };
}

function basisOf(npu: NpuName, kernels: KernelTable, everyKernelMeasured: boolean): TimeBasis {
  if (npu === 'phx') return 'derived';
  if (everyKernelMeasured) return 'measured';
  return isFitted(npu, kernels.flow) ? 'fitted' : 'derived';
}

function fittedTime(array: NpuArray, kernels: KernelTable, tile: Tile): DispatchTime {
  const lines = hostLines[array];
  const activationBytes = tile.m * tile.k * kernels.activationElementBytes;
  const outputBytes = tile.m * tile.n * kernels.accumulatorElementBytes;
  return {
    aCopyUs: evaluate(lines.aCopy, activationBytes),
    aSyncUs: evaluate(lines.aSync, activationBytes),
    runUs: evaluate(runLine(array, kernels.flow, tile.m), kernels.packedBytes(tile)),
    cSyncUs: evaluate(lines.cSync, outputBytes),
    cCopyUs: evaluate(lines.cCopy, outputBytes),
  };
}
