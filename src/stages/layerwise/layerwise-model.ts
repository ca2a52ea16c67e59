import type { ModelInfo } from '../../models/architecture.js';
import { promptInputs } from '../../models/decoder-inputs.js';
import { openModelSession } from '../../models/graph-session.js';
import { lowerAttention } from '../../models/lower-attention.js';
import type { ModelDirectory } from '../../models/model-directory.js';
import { extractBetween } from '../../models/segments.js';
import type { Model } from '../../onnx/model.js';
import type { Value } from '../../onnx/node.js';
import type { Engine, NamedTensors, Session } from '../../ort/engine.js';

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

  /** Opens what computes some values from others and the tokens. `extend` makes it compute something else besides. */
  open(inputs: readonly Value[], outputs: readonly Value[], extend: (part: Model) => void = () => {}): OpenPart {
    const part = extractBetween(this.model, inputs, outputs);
    extend(part);
    return new OpenPart(openModelSession(this.#engine, part, this.#directory), this.info);
  }
}

/** A part of a model that is ready to run. */
export class OpenPart {
  readonly #session: Session;
  readonly #info: ModelInfo;

  constructor(session: Session, info: ModelInfo) {
    this.#session = session;
    this.#info = info;
  }

  /** Runs a window of tokens, given the values that come from other parts. */
  run(ids: Int32Array, inputs: NamedTensors, outputs: NamedTensors): void {
    const available = { ...promptInputs(this.#info, ids), ...inputs };
    const needed = this.#session.inputs.map(({ name }) => {
      const tensor = available[name];
      if (tensor === undefined) throw new Error(`nothing is known of input ${name}`);
      return [name, tensor] as const;
    });
    const bound = this.#session.bind(Object.fromEntries(needed), outputs);
    bound.run();
    bound.release();
  }

  close(): void {
    this.#session.release();
  }
}
