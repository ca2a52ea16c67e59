import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Json, JsonObject } from '../../json.js';
import { isJsonObject } from '../../json.js';
import { isDataType } from '../../onnx/data-type.js';
import type { Graph } from '../../onnx/ir.js';
import type { Tensor } from '../../onnx/tensor.js';
import { FileTensor } from '../../onnx/tensor.js';

const tableFile = 'layer.json';

/** What the work on one decoder layer gives: tensors by name, and facts. */
export interface LayerResult {
  readonly tensors: ReadonlyMap<string, Tensor>;
  readonly facts: JsonObject;
}

/**
 * Writes the result of a decoder layer into a directory: a file for each tensor with nothing but its bytes, as model
 * directories have them, so that the store has them once. A tensor is let go when it is written.
 */
export class LayerResultWriter {
  readonly #directory: string;
  readonly #tensors: JsonObject[] = [];

  /** `directory` is made. */
  constructor(directory: string) {
    mkdirSync(directory, { recursive: true });
    this.#directory = directory;
  }

  add(name: string, tensor: Tensor): void {
    const file = String(this.#tensors.length);
    writeFileSync(join(this.#directory, file), tensor.bytes());
    this.#tensors.push({ name, file, dataType: tensor.dataType, dims: [...tensor.dims] });
  }

  end(facts: JsonObject): void {
    writeFileSync(join(this.#directory, tableFile), JSON.stringify({ tensors: this.#tensors, facts }));
  }
}

/** The result of a decoder layer. Its tensors are read from their files when they are asked for. */
export function readLayerResult(directory: string): LayerResult {
  const { tensors, facts } = Object(JSON.parse(readFileSync(join(directory, tableFile), 'utf8')));
  if (!Array.isArray(tensors) || !isJsonObject(facts)) throw new Error(`${directory} holds no result of a layer`);
  return { tensors: new Map(tensors.map((entry) => readEntry(entry, directory))), facts };
}

/** Gives initializers of a graph other tensors. */
export function replaceInitializers(graph: Graph, tensors: Iterable<readonly [string, Tensor]>): void {
  for (const [name, tensor] of tensors) {
    const value = graph.initializers.get(name);
    if (value === undefined) throw new Error(`the model has no constant ${name}`);
    graph.setInitializer(value, tensor);
  }
}

function readEntry(entry: Json, directory: string): readonly [string, Tensor] {
  const { name, file, dataType, dims } = Object(entry);
  if (typeof name !== 'string' || !isDataType(dataType)) throw new Error(`${directory} holds no result of a layer`);
  return [name, new FileTensor(dataType, dims, join(directory, file), 0)];
}
