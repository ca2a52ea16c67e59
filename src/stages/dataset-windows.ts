import { QuernError } from '../errors.js';
import type { ModelInfo } from '../models/architecture.js';
import type { DatasetDescription } from '../text/dataset.js';
import type { WorkContext } from './kind.js';

/** A data set as it stands in normalised parameters. */
export interface DatasetParameters {
  readonly text: string;
  /** `null`: all windows. */
  readonly windows: number | null;
  readonly length: number;
  readonly stride: number;
}

/** The description of a data set, with the file where it really is. */
export function datasetDescription(dataset: DatasetParameters, sources: WorkContext['sources']): DatasetDescription {
  const file = sources['dataset.text']?.[0];
  if (file === undefined) throw new Error('the data set has a text');
  const { length, stride, windows } = dataset;
  return { text: file.path, length, stride, ...(windows === null ? {} : { windows }) };
}

/** A window must not be longer than the model has positions for. */
export function checkWindowLength(length: number, info: ModelInfo): void {
  if (length <= info.maximumPositions) return;
  throw new QuernError(
    'input',
    `a window of ${length} tokens is longer than the model's ${info.maximumPositions} positions`,
    {
      suggestion: `set \`length\` to ${info.maximumPositions} or less`,
    },
  );
}
