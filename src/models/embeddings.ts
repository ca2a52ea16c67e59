import { intAttribute } from '../onnx/attribute.js';
import type { Graph } from '../onnx/ir.js';
import type { Node, Value } from '../onnx/node.js';
import type { Tensor } from '../onnx/tensor.js';

/** A table of float32 rows that ids choose from, as PyTorch's Embedding becomes. */
export interface Embedding {
  /** Module path, for example `model.embed_tokens`. */
  readonly name: string;
  readonly node: Node;
  readonly ids: Value;
  readonly weight: Value;
  /** The constant of `weight`: [rows, features]. */
  readonly tensor: Tensor;
  readonly rows: number;
  readonly features: number;
  /** Embeddings are in no decoder layer. */
  readonly decoderLayer: undefined;
}

/** All embeddings of a graph, in its order. */
export function findEmbeddings(graph: Graph): Embedding[] {
  return graph.nodes.flatMap((node) => {
    const [weight, ids] = node.inputs;
    const tensor = weight?.initializer;
    const [rows, features] = tensor?.dims ?? [];
    const isTable = tensor?.dataType === 'float32' && tensor.dims.length === 2;
    const isLookup =
      node.domain === '' && node.opType === 'Gather' && (intAttribute(node.attributes, 'axis') ?? 0) === 0;
    if (!isLookup || !isTable || weight === undefined || ids === undefined || ids.initializer !== undefined) return [];
    if (rows === undefined || features === undefined) return [];
    const name = node.name === '' ? node.output.name : node.name;
    return [{ name, node, ids, weight, tensor, rows, features, decoderLayer: undefined }];
  });
}
