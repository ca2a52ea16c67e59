import { datasetSources, normaliseDataset } from '../dataset-schema.js';
import type { StageKind } from '../kind.js';

/** What kinds have in common that walk through a model layer by layer, calibrating on a `dataset` of their own. */
export const layerwiseKind = {
  inputs: { model: { accepts: ['model'], required: true } },
  machineDependent: true,
  tolerance: 1e-6,
  cores: 'all',
  engines: ['onnxruntime'],
  normalise: (parameters) => ({ ...parameters, dataset: normaliseDataset(parameters.dataset) }),
  sources: datasetSources,
} as const satisfies Partial<StageKind>;
