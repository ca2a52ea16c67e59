import { QuernError } from '../errors.js';
import type { ModelInfo } from '../models/architecture.js';
import type { DatasetDescription } from '../text/dataset.js';
import type { TextSource } from '../text/documents.js';
import type { WorkContext } from './kind.js';

/** A data set as it stands in normalised parameters. One of `text`, `jsonl`, `parquet` and `hub` is there. */
export interface DatasetParameters {
  readonly text?: string;
  readonly jsonl?: string;
  readonly parquet?: string;
  readonly hub?: string;
  readonly field?: string;
  readonly column?: string;
  readonly join?: string;
  /** `null`: all windows. */
  readonly windows: number | null;
  readonly length: number;
  readonly stride: number;
}

/** The description of a data set, with the files where they really are. */
export function datasetDescription(dataset: DatasetParameters, sources: WorkContext['sources']): DatasetDescription {
  const { length, stride, windows } = dataset;
  return { ...textSource(dataset, sources), length, stride, ...(windows === null ? {} : { windows }) };
}

function textSource(dataset: DatasetParameters, sources: WorkContext['sources']): TextSource {
  const { field = 'text', column = 'text', join = '\n\n' } = dataset;
  const pathsOf = (origin: string): string[] => (sources[`dataset.${origin}`] ?? []).map(({ path }) => path);
  const [text] = pathsOf('text');
  if (text !== undefined) return { text };
  const [jsonl] = pathsOf('jsonl');
  if (jsonl !== undefined) return { jsonl, field, join };
  const parquet = [...pathsOf('parquet'), ...pathsOf('hub')];
  if (parquet.length === 0) throw new Error('the data set has a file');
  return { parquet, column, join };
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
