import type { ModelDirectory } from '../../models/model-directory.js';
import { openModelTokenizer } from '../../models/model-tokenizer.js';
import { readDataset } from '../../text/dataset.js';
import type { DatasetParameters } from '../dataset-windows.js';
import { checkWindowLength, datasetDescription } from '../dataset-windows.js';
import type { WorkContext } from '../kind.js';

/** The windows of a data set for a model. */
export async function calibrationWindows(
  dataset: DatasetParameters,
  model: ModelDirectory,
  sources: WorkContext['sources'],
): Promise<Int32Array[]> {
  checkWindowLength(dataset.length, model.info);
  return [...(await readDataset(datasetDescription(dataset, sources), openModelTokenizer(model)))];
}
