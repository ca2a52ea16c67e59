import { createHash } from 'node:crypto';
import { ftruncateSync, mkdirSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { encodeModel, largestModelBytes } from './encode-model.js';
import type { ExternalPlace } from './encode-tensor.js';
import type { Graph } from './ir.js';
import type { Model } from './model.js';
import { StringTensor, type Tensor } from './tensor.js';
import { WeightFileNames } from './weight-files.js';
import { withNewFile, writeTensor, writeTensorFile } from './write-tensor.js';

export const weightsFolderName = 'weights';

/** Offsets in a data file of several tensors are multiples of this, so that each can be mapped into memory. */
export const alignmentBytes = 4096;

/** Initializers of at least so many bytes are put outside the model file, unless told otherwise. */
export const smallestExternalBytes = 4096;

/** One data file for each large tensor that is in none yet, or one for all of them. */
export type WriteLayout = 'per-tensor' | 'merged';

/** Paths relative to the directory of the model, in the same folder. */
export interface ModelFiles {
  readonly model: string;
  /** The one data file of the `merged` layout. */
  readonly data: string;
}

export const usualModelFiles: ModelFiles = { model: 'model.onnx', data: 'model.onnx.data' };

export interface WriteOptions {
  readonly layout: WriteLayout;
  /** `usualModelFiles` unless given. Others are for the `merged` layout. */
  readonly files?: ModelFiles;
  /** Initializers of at least so many bytes are put outside the model file. `smallestExternalBytes` unless given. */
  readonly externalFromBytes?: number;
  /**
   * Whether a tensor that is a whole file becomes another name of that file in the `per-tensor` layout, as it does
   * unless told otherwise. Only right for files that nobody changes in place.
   */
  readonly hardLinks?: boolean;
  /** Of the `per-tensor` layout: where in the directory of the model tensors are already. */
  readonly written?: ReadonlyMap<Tensor, ExternalPlace>;
  /** Called after each tensor that is put outside the model file; in the `per-tensor` layout with the path of its file. */
  readonly onTensor?: (path?: string) => void;
}

/**
 * Writes the model file and its data files into a directory that has none of them. The same model gives the same bytes.
 * Memory holds the graph, and of the tensors no more than the one that is being written.
 */
export function writeModel(model: Model, directory: string, options: WriteOptions): void {
  const { files = usualModelFiles } = options;
  mkdirSync(dirname(join(directory, files.model)), { recursive: true });
  const tensors = externalTensors(model, options.externalFromBytes);
  const places =
    options.layout === 'merged'
      ? writeMerged(tensors, join(directory, files.data), options.onTensor)
      : writePerTensor(tensors, directory, options);
  const bytes = encodeModel(model, places);
  if (bytes.byteLength > largestModelBytes) {
    throw new Error(`the model without its external data has ${bytes.byteLength} bytes, which no ONNX reader takes`);
  }
  writeFileSync(join(directory, files.model), bytes, { flag: 'wx' });
}

interface NamedTensor {
  readonly name: string;
  readonly tensor: Tensor;
}

/** The initializers that go into data files, in the order of the model. A tensor that several share comes once. */
function externalTensors(model: Model, fromBytes = smallestExternalBytes): readonly NamedTensor[] {
  const names = new Map<Tensor, string>();
  const visit = (graph: Graph): void => {
    for (const { name, initializer } of graph.initializers.values()) {
      if (initializer === undefined || initializer instanceof StringTensor || names.has(initializer)) continue;
      if (initializer.byteLength > 0 && initializer.byteLength >= fromBytes) names.set(initializer, name);
    }
    for (const node of graph.nodes) for (const body of node.bodies) visit(body);
  };
  visit(model.graph);
  return [...names].map(([tensor, name]) => ({ name, tensor }));
}

/** The file of each tensor that the `per-tensor` layout puts outside the model file, relative to the directory of that. */
export function tensorFiles(model: Model): ReadonlyMap<Tensor, string> {
  return filesOf(externalTensors(model));
}

function filesOf(tensors: readonly NamedTensor[], taken: Iterable<string> = []): ReadonlyMap<Tensor, string> {
  const fileNames = new WeightFileNames([...taken].map((location) => basename(location)));
  return new Map(tensors.map(({ name, tensor }) => [tensor, `${weightsFolderName}/${fileNames.nameFor(name)}`]));
}

function writePerTensor(
  tensors: readonly NamedTensor[],
  directory: string,
  { hardLinks = true, written = new Map(), onTensor }: WriteOptions,
): ReadonlyMap<Tensor, ExternalPlace> {
  const places = new Map(written);
  const others = tensors.filter(({ tensor }) => !written.has(tensor));
  if (others.length === 0) return places;
  mkdirSync(join(directory, weightsFolderName), { recursive: true });
  const taken = [...written.values()].map(({ location }) => location);
  for (const [tensor, location] of filesOf(others, taken)) {
    places.set(tensor, { location, offset: 0 });
    writeTensorFile(tensor, join(directory, location), hardLinks);
    onTensor?.(location);
  }
  return places;
}

/** Tensors of the same bytes, such as those of an embedding and a head tied to it, have the same place. */
function writeMerged(
  tensors: readonly NamedTensor[],
  path: string,
  onTensor: (() => void) | undefined,
): ReadonlyMap<Tensor, ExternalPlace> {
  const places = new Map<Tensor, ExternalPlace>();
  if (tensors.length === 0) return places;
  const location = basename(path);
  const known = new Map<string, ExternalPlace>();
  withNewFile(path, (file) => {
    let end = 0;
    for (const { tensor } of tensors) {
      const place = { location, offset: Math.ceil(end / alignmentBytes) * alignmentBytes };
      const hash = createHash('sha256');
      writeTensor(tensor, file, place.offset, (bytes) => hash.update(bytes));
      const digest = hash.digest('hex');
      const earlier = known.get(digest);
      places.set(tensor, earlier ?? place);
      if (earlier === undefined) {
        known.set(digest, place);
        end = place.offset + tensor.byteLength;
      }
      onTensor?.();
    }
    ftruncateSync(file, end);
  });
  return places;
}
