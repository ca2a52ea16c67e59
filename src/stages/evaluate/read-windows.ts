import type { Runner } from '../../runtime/runner.js';
import { readDataset } from '../../text/dataset.js';
import type { TokenWindows } from '../../text/windows.js';
import type { DatasetParameters } from '../dataset-windows.js';
import { checkWindowLength, datasetDescription } from '../dataset-windows.js';
import type { WorkContext } from '../kind.js';
import { type Protocol, type ProtocolDataset, protocolDataset } from './protocols.js';

/** A data set and the protocol that says what the recipe leaves out. */
export type PerplexityDataset =
  | { readonly protocol: 'windows'; readonly dataset: DatasetParameters }
  | { readonly protocol: Exclude<Protocol, 'windows'>; readonly dataset: ProtocolDataset };

/** The data set of a perplexity as the protocol wants it for an architecture. */
export function resolvedDataset(given: PerplexityDataset, architecture: string): DatasetParameters {
  return given.protocol === 'windows' ? given.dataset : protocolDataset(given.protocol, given.dataset, architecture);
}

/** Reads the windows that the perplexity of a model is measured on. */
export async function readWindows(
  given: PerplexityDataset,
  sources: WorkContext['sources'],
  { opened, tokenizer }: Pick<Runner, 'opened' | 'tokenizer'>,
): Promise<TokenWindows> {
  const dataset = resolvedDataset(given, opened.info.architecture);
  checkWindowLength(dataset.length, opened.info);
  return readDataset(datasetDescription(dataset, sources), tokenizer);
}
