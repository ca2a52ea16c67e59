import { totalmem } from 'node:os';

const shareOfMachineMemory = 0.8;

/** Memory that actions may use together unless told otherwise: most of what the machine has. */
export function defaultMemoryBytes(): number {
  return Math.floor(totalmem() * shareOfMachineMemory);
}
