import type { Checkpoint } from '../checkpoints/checkpoint.js';
import type { ModelConfig } from '../checkpoints/config.js';
import type { Model } from '../onnx/model.js';

/** What the rest of quern needs to know of a decoder model besides its graph. */
export interface ModelInfo {
  /** Class of the model, for example `OPTForCausalLM`. */
  readonly architecture: string;
  readonly vocabularySize: number;
  readonly hiddenSize: number;
  readonly layers: number;
  readonly heads: number;
  readonly keyValueHeads: number;
  readonly headSize: number;
  /** Most tokens that the model has positions for, prompt and answer together. */
  readonly maximumPositions: number;
  /** How many of the latest tokens a token sees, itself included, in the layers that don't see all. */
  readonly slidingWindow?: number;
  /** The token that begins a text. */
  readonly bosTokenId?: number;
  /** The tokens that end an answer. */
  readonly eosTokenIds?: readonly number[];
}

/** A model as its architecture builds it from a checkpoint. */
export interface BuiltModel {
  readonly model: Model;
  readonly info: ModelInfo;
}

export interface BuildModelOptions {
  /** Only the first N decoder layers are built. */
  readonly layers?: number;
}

/** Builds the float32 graph of one family of models. Weights stay in the checkpoint until they are written. */
export interface Architecture {
  /** Classes of transformers that it builds. */
  readonly names: readonly string[];
  build(config: ModelConfig, checkpoint: Checkpoint, options: BuildModelOptions): BuiltModel;
}
