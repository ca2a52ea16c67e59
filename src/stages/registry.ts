import { awqKind } from './awq/kind.js';
import { calibrateKind } from './calibrate/kind.js';
import { evaluateKind } from './evaluate/kind.js';
import { exportKind } from './export/kind.js';
import { gptqKind } from './gptq/kind.js';
import type { StageKind } from './kind.js';
import { loadKind } from './load/kind.js';
import { quantizeKind } from './quantize/kind.js';
import { runKind } from './run/kind.js';
import { smoothquantKind } from './smoothquant/kind.js';

/** The stage kinds that come with quern, by name. This is the only list of them. */
export const builtInKinds: ReadonlyMap<string, StageKind> = new Map(
  [loadKind, calibrateKind, smoothquantKind, awqKind, gptqKind, quantizeKind, exportKind, evaluateKind, runKind].map(
    (kind) => [kind.name, kind],
  ),
);
