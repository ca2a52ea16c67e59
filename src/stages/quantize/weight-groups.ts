import { closeSync, mkdirSync, openSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ExternalPlace } from '../../onnx/encode-tensor.js';
import type { Graph } from '../../onnx/ir.js';
import { FileTensor, MemoryTensor, type Tensor } from '../../onnx/tensor.js';
import { alignmentBytes, smallestExternalBytes, weightsFolderName } from '../../onnx/write.js';
import { writeTensor } from '../../onnx/write-tensor.js';
import type { WorkContext } from '../kind.js';

interface Group {
  readonly name: string;
  /** Relative to the output directory. */
  readonly location: string;
  readonly path: string;
  endBytes: number;
}

/**
 * Puts the weights of a model into files of its directory as they are made, so that memory holds a few of them: those of a
 * decoder layer into one file. Models that have a layer in common share it in the store, and hundreds of small files, each
 * of which takes longer to make than to fill, are not made.
 */
export class WeightGroups {
  readonly #context: Pick<WorkContext, 'outputDirectory' | 'finished'>;
  readonly #places = new Map<Tensor, ExternalPlace>();
  #group: Group | undefined;
  #count = 0;

  constructor(context: Pick<WorkContext, 'outputDirectory' | 'finished'>) {
    this.#context = context;
    mkdirSync(join(context.outputDirectory, weightsFolderName), { recursive: true });
  }

  /** Where the tensors are that were moved. */
  get places(): ReadonlyMap<Tensor, ExternalPlace> {
    return this.#places;
  }

  /**
   * Moves what a graph has in memory under these names into the file of a group. Small tensors stay, because they are
   * written into the model file. A group ends when another one begins.
   */
  move(graph: Graph, names: Iterable<string>, group: string): void {
    for (const name of names) {
      const value = graph.initializers.get(name);
      const tensor = value?.initializer;
      if (value === undefined || !(tensor instanceof MemoryTensor) || tensor.byteLength < smallestExternalBytes)
        continue;
      graph.setInitializer(value, this.#append(tensor, this.#groupOf(group)));
    }
  }

  /** Ends the last group. */
  end(): void {
    if (this.#group !== undefined) this.#context.finished(this.#group.location);
    this.#group = undefined;
  }

  #groupOf(name: string): Group {
    if (this.#group?.name === name) return this.#group;
    this.end();
    const location = `${weightsFolderName}/quantized-${this.#count++}`;
    const path = join(this.#context.outputDirectory, location);
    writeFileSync(path, '', { flag: 'wx' });
    this.#group = { name, location, path, endBytes: 0 };
    return this.#group;
  }

  #append(tensor: MemoryTensor, group: Group): FileTensor {
    const offset = Math.ceil(group.endBytes / alignmentBytes) * alignmentBytes;
    const file = openSync(group.path, 'r+');
    try {
      writeTensor(tensor, file, offset);
    } finally {
      closeSync(file);
    }
    group.endBytes = offset + tensor.byteLength;
    const moved = new FileTensor(tensor.dataType, tensor.dims, group.path, offset);
    this.#places.set(moved, { location: group.location, offset });
    return moved;
  }
}
