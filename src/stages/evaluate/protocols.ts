import type { DatasetParameters } from '../dataset-windows.js';

/**
 * Ways to cut a text into windows. In all of them a window's loss is the mean over its `length - 1` predicted tokens, and
 * the perplexity is exp of the mean over windows (times length and divided by it again, where others write it that way).
 */
export const protocols = ['windows', 'gptq', 'amd-v1.0', 'amd-v1.1', 'amd-v1.2'] as const;
export type Protocol = (typeof protocols)[number];

/** What a protocol says of the windows. */
interface WindowRules {
  readonly length: number;
  /** `null`: all of the text. */
  readonly windows: number | null;
  /** Between documents. */
  readonly join: string;
}

/** Members of a data set that a protocol fills in where they are not given. */
export type ProtocolDataset = Omit<DatasetParameters, 'length' | 'stride' | 'windows'> &
  Partial<Pick<DatasetParameters, 'length' | 'stride' | 'windows'>>;

/** A data set with what the protocol says where the recipe says nothing. */
export function protocolDataset(
  protocol: Exclude<Protocol, 'windows'>,
  dataset: ProtocolDataset,
  architecture: string,
): DatasetParameters {
  const rules = rulesOf(protocol, architecture);
  const { length = rules.length, windows = rules.windows, join = rules.join } = dataset;
  return { ...dataset, length, stride: dataset.stride ?? length, windows, join };
}

/**
 * GPTQ (Frantar et al. 2022), and AMD's Ryzen AI LLM flow: v1.0 takes all windows, v1.1 two but for OPT, v1.2 two, longer
 * ones but for OPT, and joins the documents by one line feed. The tags' figures can't be compared with each other.
 */
function rulesOf(protocol: Exclude<Protocol, 'windows'>, architecture: string): WindowRules {
  const isOpt = architecture === 'OPTForCausalLM';
  const common = { length: 2048, windows: null, join: '\n\n' };
  switch (protocol) {
    case 'gptq':
    case 'amd-v1.0':
      return common;
    case 'amd-v1.1':
      return isOpt ? common : { ...common, windows: 2 };
    case 'amd-v1.2':
      return { length: isOpt ? 2048 : 4096, windows: 2, join: '\n' };
  }
}
