import { basename, dirname } from 'node:path';
import { QuernError } from '../errors.js';

export type WeightFormat = 'safetensors' | 'torch' | 'gguf' | 'onnx';

/** The files of one format among those of a directory. */
export interface WeightFiles {
  readonly format: WeightFormat;
  /** The index of a sharded checkpoint, the graph of an ONNX model, or else the file with the weights. */
  readonly main: string;
  /** `main` and, where it is an index or a graph, all that may be its shards or data. */
  readonly names: readonly string[];
}

interface HuggingFaceNames {
  readonly format: WeightFormat;
  readonly index: string;
  readonly shard: RegExp;
  /** Names of a checkpoint in one file, the usual one first. */
  readonly single: readonly string[];
}

const safetensors: HuggingFaceNames = {
  format: 'safetensors',
  index: 'model.safetensors.index.json',
  shard: /^model-\d+-of-\d+\.safetensors$/,
  single: ['model.safetensors'],
};

const torch: HuggingFaceNames = {
  format: 'torch',
  index: 'pytorch_model.bin.index.json',
  shard: /^pytorch_model-\d+-of-\d+\.bin$/,
  single: ['pytorch_model.bin', 'pytorch_model.pt', 'model.pt', 'model.pth'],
};

function findHuggingFace(
  names: readonly string[],
  { format, index, shard, single }: HuggingFaceNames,
): WeightFiles | undefined {
  if (names.includes(index)) {
    return { format, main: index, names: names.filter((name) => name === index || shard.test(name)) };
  }
  const main = single.find((name) => names.includes(name));
  return main === undefined ? undefined : { format, main, names: [main] };
}

/** The names in the directory itself, or all if there are none. */
function outermost(names: readonly string[]): readonly string[] {
  const own = names.filter((name) => !name.includes('/'));
  return own.length > 0 ? own : names;
}

export function isGgufName(name: string): boolean {
  return /\.gguf$/i.test(name);
}

function findGguf(names: readonly string[]): WeightFiles | undefined {
  const found = outermost(names.filter(isGgufName)).toSorted();
  const [main] = found;
  if (main === undefined) return undefined;
  if (found.length === 1) return { format: 'gguf', main, names: found };
  throw new QuernError('input', `there are several GGUF files: ${found.join(', ')}`, {
    suggestion: 'name one of them, with its directory, as the source',
  });
}

export function isOnnxName(name: string): boolean {
  return /\.onnx$/i.test(name);
}

/** Graphs that a directory may have beside others, such as one that reads single tokens. All get a cache. */
const usualGraphs = ['model.onnx', 'decoder_model.onnx', 'decoder_model_merged.onnx'];

/** What exporters call files with external data: one for all tensors, or one for each. */
const externalData = /(\.onnx[._]data(_\d+)?|\.data|\.bin|\.weights?|\.bias|_data)$|^onnx__/;

/** The folder in which hub repositories have their graphs, if those are not beside the configuration. */
const graphFolder = 'onnx/';

/**
 * The directory of a model by the path of its graph, and the name of the graph there: the one around, where the graph is in
 * a folder `onnx`.
 */
export function placeOfGraph(path: string): { readonly directory: string; readonly graph: string } {
  const [directory, graph] = [dirname(path), basename(path)];
  const around = dirname(directory);
  const isRepository = !around.startsWith('hf:') || around.includes('/');
  if (`${basename(directory)}/` !== graphFolder || !isRepository) return { directory, graph };
  return { directory: around, graph: `${graphFolder}${graph}` };
}

/** Names of the files that come with a graph: those beside it, and of others those around its folder. */
export function companionsOfGraph(
  names: readonly string[],
  graph: string,
  isCompanion: (name: string) => boolean,
): readonly string[] {
  const folder = graph.slice(0, graph.lastIndexOf('/') + 1);
  const around = names.filter((name) => isCompanion(name) && !names.includes(`${folder}${name}`));
  const beside = names.filter((name) => name.startsWith(folder) && isCompanion(name.slice(folder.length)));
  return [...around, ...beside];
}

/** An ONNX graph, by name or the usual one, and the files beside it and in folders there that may hold its weights. */
export function findOnnx(names: readonly string[], graph?: string): WeightFiles | undefined {
  const folders = graph?.startsWith(graphFolder) ? [graphFolder] : ['', graphFolder];
  for (const folder of folders) {
    const inside = names.filter((name) => name.startsWith(folder)).map((name) => name.slice(folder.length));
    const found = findGraph(inside, graph === undefined ? undefined : basename(graph));
    if (found === undefined) continue;
    return { format: 'onnx', main: `${folder}${found.main}`, names: found.names.map((name) => `${folder}${name}`) };
  }
  return undefined;
}

function findGraph(names: readonly string[], graph: string | undefined): Omit<WeightFiles, 'format'> | undefined {
  const graphs = names.filter((name) => isOnnxName(name) && !name.includes('/'));
  const main = graph ?? usualGraphs.find((name) => graphs.includes(name)) ?? graphs[0];
  if (main === undefined) return undefined;
  if (graph === undefined && graphs.length > 1 && !usualGraphs.includes(main)) {
    throw new QuernError('input', `there are several ONNX graphs: ${graphs.toSorted().join(', ')}`, {
      suggestion: 'name one of them, with its directory, as the source',
    });
  }
  const data = names.filter((name) => {
    const own = name.slice(name.lastIndexOf('/') + 1);
    const isOfOther = graphs.some(
      (other) => other !== main && (own.startsWith(`${other}_data`) || own.startsWith(`${other}.data`)),
    );
    return externalData.test(own) && !isOfOther && findHuggingFace([own], torch) === undefined;
  });
  return { main, names: [main, ...data] };
}

/** Of several formats in one directory, the one that says most about itself is taken. */
const finders: readonly (readonly [WeightFormat, (names: readonly string[]) => WeightFiles | undefined])[] = [
  ['safetensors', (names) => findHuggingFace(names, safetensors)],
  ['torch', (names) => findHuggingFace(names, torch)],
  ['gguf', findGguf],
  ['onnx', findOnnx],
];

/**
 * The files with the weights among the names in a directory, or `undefined` if there are none. Without a `format`, the
 * first of safetensors, PyTorch, GGUF and ONNX that is there.
 */
export function findWeightFiles(names: readonly string[], format: WeightFormat | 'auto'): WeightFiles | undefined {
  for (const [one, find] of finders) {
    const found = format === 'auto' || format === one ? find(names) : undefined;
    if (found !== undefined) return found;
  }
  return undefined;
}
