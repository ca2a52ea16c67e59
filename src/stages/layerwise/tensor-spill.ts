import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Graph } from '../../onnx/ir.js';
import type { Value } from '../../onnx/node.js';
import type { Tensor } from '../../onnx/tensor.js';
import { FileTensor } from '../../onnx/tensor.js';
import { smallestExternalBytes } from '../../onnx/write.js';
import type { WorkContext } from '../kind.js';

const folder = 'changed-tensors';

/** Keeps changed weights in files until the model is written, so that they don't fill the memory. */
export class TensorSpill {
  readonly #context: Pick<WorkContext, 'outputDirectory' | 'finished'>;
  readonly #directory: string;
  #count = 0;

  /** The files are in the output directory of a stage until `remove` is called. */
  constructor(context: Pick<WorkContext, 'outputDirectory' | 'finished'>) {
    this.#context = context;
    this.#directory = join(context.outputDirectory, folder);
    mkdirSync(this.#directory);
  }

  /** Gives an initializer another tensor, which is put into a file unless it is small: that is written into the model file. */
  set(graph: Graph, value: Value, tensor: Tensor): void {
    graph.setInitializer(value, tensor.byteLength < smallestExternalBytes ? tensor : this.#write(tensor));
  }

  /** To be called once the model that has the tensors is written. */
  remove(): void {
    rmSync(this.#directory, { recursive: true });
  }

  #write(tensor: Tensor): FileTensor {
    const name = String(this.#count++);
    const path = join(this.#directory, name);
    writeFileSync(path, tensor.bytes());
    // The model gives it another name, which makes it no other file.
    this.#context.finished(`${folder}/${name}`);
    return new FileTensor(tensor.dataType, tensor.dims, path, 0);
  }
}
