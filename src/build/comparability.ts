import { canonicalJson } from '../json.js';
import type { StageKind } from '../stages/kind.js';
import { hardwareFingerprint } from './engines.js';
import type { ActionRecord } from './record.js';

/** Whether a result may be compared with one that is made here and now, and how closely they have to agree. */
export type Comparability =
  /** `tolerance` 0: bit for bit. See `StageKind.tolerance`. */
  { readonly comparable: true; readonly tolerance: number } | { readonly comparable: false; readonly reason: string };

export function comparabilityOf(kind: StageKind, record: ActionRecord): Comparability {
  if (kind.measures !== true && kind.machineDependent !== true) return { comparable: true, tolerance: 0 };
  if (canonicalJson(record.machine) !== canonicalJson(hardwareFingerprint())) {
    return { comparable: false, reason: `${kind.name} depends on the machine, and the result is of another one` };
  }
  if (kind.tolerance === undefined) {
    return { comparable: false, reason: `${kind.name} depends on the machine and states no tolerance` };
  }
  return { comparable: true, tolerance: kind.tolerance };
}
