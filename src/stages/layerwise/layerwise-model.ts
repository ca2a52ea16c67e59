import type { ModelInfo } from '../../models/architecture.js';
import { openModelSession } from '../../models/graph-session.js';
import { joinProducts } from '../../models/join-products.js';
import { lowerAttention } from '../../models/lower-attention.js';
import type { ModelDirectory } from '../../models/model-directory.js';
import { extractBetween } from '../../models/segments.js';
import type { Graph } from '../../onnx/ir.js';
import type { Model } from '../../onnx/model.js';
import type { Value } from '../../onnx/node.js';
import type { Engine } from '../../ort/engine.js';
import { type CachePort, findCachePorts } from '../../runtime/key-value-caches.js';
import { OpenPart } from './open-part.js';
import { readsInPasses } from './window-passes.js';

/** A model of which parts are opened one at a time, so that memory holds the weights of one part. */
export class LayerwiseModel {
  readonly model: Model;
  readonly info: ModelInfo;
  readonly #engine: Engine;
  readonly #directory: string;

  /** Takes over the model. */
  constructor(engine: Engine, { model, directory, info }: ModelDirectory) {
    lowerAttention(model);
    this.#engine = engine;
    this.#directory = directory;
    this.model = model;
    this.info = info;
  }

  /** Opens what computes some values from others and the tokens. */
  open(inputs: readonly Value[], outputs: readonly Value[], extension: PartExtension = {}): OpenPart {
    const part = extractBetween(this.model, inputs, outputs);
    const ports = extension.isPerToken === true && readsInPasses(part.graph) ? this.#keepCaches(part.graph) : undefined;
    if (ports !== undefined) joinProducts(part.graph);
    extension.extend?.(part);
    return new OpenPart(openModelSession(this.#engine, part, this.#directory), this.info, ports);
  }

  /** Makes the caches of a part outputs, so that they can grow from pass to pass. */
  #keepCaches(part: Graph): readonly CachePort[] {
    const ports = findCachePorts(this.model.graph).filter(({ past }) => part.value(past) !== undefined);
    for (const { present } of ports) part.addOutput(part.value(present)!);
    return ports;
  }
}

/** What a part computes besides, and how. */
export interface PartExtension {
  /** Makes it compute something else besides. */
  readonly extend?: (part: Model) => void;
  /** Whether all that it is given and computes has a row for each token, so that a window may be read in several passes. */
  readonly isPerToken?: boolean;
}
