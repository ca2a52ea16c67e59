import type { Value } from '../../onnx/node.js';
import type { Tensor } from '../../onnx/tensor.js';
import type { DecoderSizes } from '../decoder-sizes.js';
import type { GraphBuilder } from '../graph-builder.js';
import type { ModuleNames } from './module-names.js';
import type { SequenceMeaning } from './sequence-meaning.js';
import type { SourceGraph } from './source-graph.js';

/** What a rule is given: the graph that is read, the one that is built, and how to get from one to the other. */
export interface ImportContext {
  readonly source: SourceGraph;
  readonly names: ModuleNames;
  readonly sizes: DecoderSizes;
  readonly builder: GraphBuilder;
  readonly meaning: SequenceMeaning;
  /**
   * The value of the new graph that computes what a value of the source does: [batch, sequence, features], also where the
   * source has batch and sequence as one dimension. Constants are not translated.
   */
  translate(value: Value): Value;
  /** Makes a value of the source mean one of the new graph. */
  remember(value: Value, translated: Value): void;
  /** A constant of the new graph with a name like this one. */
  constant(name: string, tensor: Tensor): Value;
  /** The one constant of the new graph for a constant of the source, by the first name that it gets. */
  sharedConstant(value: Value, tensor: Tensor, name: string): Value;
}

/** Translates a value that it understands. */
export type ImportRule = (context: ImportContext, value: Value) => Value | undefined;
