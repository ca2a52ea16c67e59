import type { ModelInfo } from '../../models/architecture.js';
import { fullMask, promptInputs, tokenTensor } from '../../models/decoder-inputs.js';
import type { NamedTensors, Session } from '../../ort/engine.js';
import { rowsOf, type TensorData } from '../../ort/tensor-data.js';
import { maskInput, tokensInput } from '../../runtime/graph-interface.js';
import { allocateCaches, type CachePort } from '../../runtime/key-value-caches.js';
import { passTokens, type WindowPass, windowPasses } from './window-passes.js';

/** A part of a model that is ready to run. */
export class OpenPart {
  readonly #session: Session;
  readonly #info: ModelInfo;
  readonly #ports: readonly CachePort[] | undefined;
  #caches: ReadonlyMap<string, TensorData> = new Map();
  #capacity = 0;

  /** With the `ports` of its caches, a window is read in several passes: all else it is given and computes has a row a token. */
  constructor(session: Session, info: ModelInfo, ports?: readonly CachePort[]) {
    this.#session = session;
    this.#info = info;
    this.#ports = ports;
  }

  /** The passes in which it reads a window of so many tokens. */
  passesOf(length: number): readonly WindowPass[] {
    return windowPasses(length, this.#ports === undefined ? length : passTokens);
  }

  /** Runs a window of tokens, given the values that come from other parts. */
  run(ids: Int32Array, inputs: NamedTensors, outputs: NamedTensors): void {
    for (const pass of this.passesOf(ids.length)) this.runPass(ids, pass, inputs, this.#rows(ids, pass, outputs));
  }

  /** Runs a pass of a window, behind those before it. `inputs` are of the whole window, `outputs` of the pass. */
  runPass(ids: Int32Array, pass: WindowPass, inputs: NamedTensors, outputs: NamedTensors): void {
    const caches = this.#cachesFor(ids.length);
    const available = {
      ...this.#readInputs(ids, pass),
      ...this.#rows(ids, pass, inputs),
      ...Object.fromEntries(caches),
    };
    const needed = this.#session.inputs.map(({ name }) => {
      const tensor = available[name];
      if (tensor === undefined) throw new Error(`nothing is known of input ${name}`);
      return [name, tensor] as const;
    });
    const presents = (this.#ports ?? []).map(({ present }) => [present, caches.get(present)!] as const);
    const bound = this.#session.bind(Object.fromEntries(needed), { ...outputs, ...Object.fromEntries(presents) });
    bound.run();
    bound.release();
  }

  close(): void {
    this.#session.release();
  }

  #readInputs(ids: Int32Array, { start, tokens }: WindowPass): NamedTensors {
    if (this.#ports === undefined) return promptInputs(this.#info, ids);
    const end = start + tokens;
    return { [tokensInput]: tokenTensor(ids.subarray(start, end)), [maskInput]: fullMask(end) };
  }

  /** What is read in one pass may have no rows. */
  #rows({ length }: Int32Array, { start, tokens }: WindowPass, tensors: NamedTensors): NamedTensors {
    if (tokens === length) return tensors;
    return Object.fromEntries(Object.entries(tensors).map(([name, tensor]) => [name, rowsOf(tensor, start, tokens)]));
  }

  #cachesFor(length: number): ReadonlyMap<string, TensorData> {
    if (this.#ports !== undefined && this.#capacity !== length) {
      this.#caches = allocateCaches(this.#ports, this.#info, length);
      this.#capacity = length;
    }
    return this.#caches;
  }
}
