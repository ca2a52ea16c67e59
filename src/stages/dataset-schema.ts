import type { Json, JsonObject } from '../json.js';
import { isJsonObject } from '../json.js';
import type { SourceRequest } from './kind.js';

/** Parameters of a data set: a text that is read as one string, tokenized once and cut into windows of equal length. */
export const datasetSchema = {
  type: 'object',
  description:
    'A text read as one string, tokenized once and cut into windows of equal length. It is one of text, jsonl, parquet and hub',
  properties: {
    text: { type: 'string', minLength: 1, description: 'A UTF-8 text file: a path, hf: or url:' },
    jsonl: { type: 'string', minLength: 1, description: 'A file with one JSON object a line: a path, hf: or url:' },
    parquet: { type: 'string', minLength: 1, description: 'A Parquet file: a path, hf: or url:' },
    hub: { type: 'string', minLength: 1, description: 'A data set of the Hugging Face hub: organisation/name' },
    config: { type: 'string', minLength: 1, description: 'Of hub: the configuration; `default` when left out' },
    split: { type: 'string', minLength: 1, description: 'Of hub: the split; `test` when left out' },
    revision: {
      type: 'string',
      minLength: 1,
      description: 'Of hub: a branch or commit; that with the Parquet files the hub makes when left out',
    },
    field: { type: 'string', minLength: 1, description: 'Of jsonl: the field with the text; `text` when left out' },
    column: {
      type: 'string',
      minLength: 1,
      description: 'Of parquet and hub: the column with the text; `text` when left out',
    },
    join: {
      type: 'string',
      description:
        'What stands between documents of jsonl, parquet and hub. Two line feeds when left out, as in the protocol of GPTQ; the rows of WikiText end with a line feed, so that "" gives its original file',
    },
    sha256: { type: 'string', pattern: '^[0-9a-f]{64}$', description: 'Of a url: the sha256 of the file' },
    windows: { type: 'integer', minimum: 1, description: 'How many windows are used; all when left out' },
    length: { type: 'integer', minimum: 2, maximum: 1048576, description: 'Tokens in a window' },
    stride: {
      type: 'integer',
      minimum: 1,
      description: 'Tokens from the start of one window to the next; the length when left out',
    },
  },
  additionalProperties: false,
} as const;

export const defaultWindowLength = 512;

const defaultSplit = 'test';
const origins = ['text', 'jsonl', 'parquet', 'hub'] as const;
type Origin = (typeof origins)[number];

/** Members that belong to some origins only. */
const owners: { readonly [member: string]: readonly Origin[] } = {
  config: ['hub'],
  split: ['hub'],
  revision: ['hub'],
  field: ['jsonl'],
  column: ['parquet', 'hub'],
  join: ['jsonl', 'parquet', 'hub'],
  sha256: ['text', 'jsonl', 'parquet'],
};

/** What is wrong with a data set beyond what its schema says. */
export function datasetProblems(
  parameters: JsonObject,
): readonly { readonly pointer: readonly string[]; readonly message: string }[] {
  const { dataset } = parameters;
  if (!isJsonObject(dataset)) return [];
  const [origin, ...more] = origins.filter((name) => dataset[name] !== undefined);
  if (origin === undefined) {
    return [{ pointer: ['dataset'], message: '`dataset` has none of `text`, `jsonl`, `parquet` and `hub`' }];
  }
  const twice = more.map((name) => ({
    pointer: ['dataset', name],
    message: `\`dataset\` has \`${origin}\` already: \`${name}\` is another text`,
  }));
  const misplaced = Object.entries(owners)
    .filter(([member, owner]) => dataset[member] !== undefined && !owner.includes(origin))
    .map(([member, owner]) => ({
      pointer: ['dataset', member],
      message: `\`${member}\` belongs to ${owner.map((name) => `\`${name}\``).join(' and ')}, not to \`${origin}\``,
    }));
  const { hub } = dataset;
  const isName = typeof hub !== 'string' || /^[\w.-]+(\/[\w.-]+)?$/.test(hub);
  const wrongName = { pointer: ['dataset', 'hub'], message: '`hub` is the name of a data set: organisation/name' };
  return [...twice, ...misplaced, ...(isName ? [] : [wrongName])];
}

/** The files of a data set. */
export function datasetSources({ dataset }: JsonObject): readonly SourceRequest[] {
  if (!isJsonObject(dataset)) return [];
  const origin = origins.find((name) => typeof dataset[name] === 'string');
  if (origin === undefined) return [];
  const pointer = ['dataset', origin];
  if (origin !== 'hub') {
    const { sha256 } = dataset;
    return [{ pointer, path: String(dataset[origin]), ...(typeof sha256 === 'string' ? { sha256 } : {}) }];
  }
  const revision = String(dataset.revision ?? 'refs/convert/parquet');
  const written = revision.startsWith('refs/') ? revision : encodeURIComponent(revision);
  const split = String(dataset.split ?? defaultSplit);
  const select = (names: readonly string[]): readonly string[] => splitFiles(names, dataset.config, split);
  return [{ pointer, path: `hf:datasets/${dataset.hub}@${written}`, select }];
}

/**
 * The Parquet files of a split. The hub's own are `<config>/<split>/0000.parquet`; authors call theirs
 * `<config>/<split>-00000-of-00001.parquet`, or put them into `data/` when there is one configuration.
 */
function splitFiles(names: readonly string[], config: Json | undefined, split: string): readonly string[] {
  const directories = typeof config === 'string' ? [config] : ['default', 'data', ''];
  for (const directory of directories) {
    const prefix = directory === '' ? '' : `${directory}/`;
    const found = names.filter((name) => name.startsWith(prefix) && isSplitFile(name.slice(prefix.length), split));
    if (found.length > 0) return found;
  }
  return [];
}

function isSplitFile(name: string, split: string): boolean {
  if (!name.startsWith(split)) return false;
  return /^(\/[\w.-]+|-\d+-of-\d+(-[0-9a-f]+)?|)\.parquet$/.test(name.slice(split.length));
}

/** A data set with every optional member given a value, so that equal data sets have equal keys. */
export function normaliseDataset(dataset: Json | undefined): JsonObject {
  const members = normaliseMembers(dataset);
  const length = members.length ?? defaultWindowLength;
  const join = members.text === undefined ? { join: '\n\n' } : {};
  return { windows: null, ...join, ...members, length, stride: members.stride ?? length };
}

/** `normaliseDataset` for one of which a protocol says how it is joined and cut: what is not given stays out. */
export function normaliseMembers(dataset: Json | undefined): JsonObject {
  if (!isJsonObject(dataset)) throw new Error('the data set has passed its schema and is an object');
  // Which content they lead to is in the digest of the source.
  const { revision: _revision, sha256: _sha256, ...rest } = dataset;
  return { ...memberDefaults(dataset), ...rest };
}

function memberDefaults(dataset: JsonObject): JsonObject {
  if (dataset.jsonl !== undefined) return { field: 'text' };
  if (dataset.parquet !== undefined) return { column: 'text' };
  return dataset.hub === undefined ? {} : { split: defaultSplit, column: 'text' };
}
