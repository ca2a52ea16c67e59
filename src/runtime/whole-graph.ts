import { realpathSync } from 'node:fs';
import { fullMask, tokenTensor } from '../models/decoder-inputs.js';
import { openModelSession } from '../models/graph-session.js';
import { lowerAttention } from '../models/lower-attention.js';
import type { ModelDirectory } from '../models/model-directory.js';
import type { Engine, NamedTensors, Session } from '../ort/engine.js';
import type { TensorData } from '../ort/tensor-data.js';
import { isTensorOf, tensorOver } from '../ort/tensor-data.js';
import { checkTruncation, type Decoder } from './decoder.js';
import { logitsOutput, maskInput, requireDecoder, tokensInput } from './graph-interface.js';
import { allocateCaches, type CachePort, findCachePorts } from './key-value-caches.js';

/** Opens a model as one session, the way other tools run it. Its attention is lowered. */
export function openWholeGraph(engine: Engine, { directory, model, info }: ModelDirectory): WholeGraph {
  requireDecoder(model.graph);
  lowerAttention(model);
  const ports = findCachePorts(model.graph);
  const empty = Object.fromEntries(allocateCaches(ports, info, 0));
  const session = openModelSession(engine, model, realpathSync(directory));
  return new WholeGraph(session, ports, empty, info.maximumPositions);
}

/** A decoder of one session, whose caches go out and come in again with each call: simple, and what others are compared with. */
export class WholeGraph implements Decoder {
  readonly #session: Session;
  readonly #ports: readonly CachePort[];
  /** By the name of the input. */
  #caches: NamedTensors;
  readonly #emptyCaches: NamedTensors;
  #pastLength = 0;

  /** `emptyCaches`: caches without tokens, by the names of the inputs. */
  constructor(
    session: Session,
    ports: readonly CachePort[],
    emptyCaches: NamedTensors,
    readonly capacity: number,
  ) {
    this.#session = session;
    this.#ports = ports;
    this.#emptyCaches = emptyCaches;
    this.#caches = emptyCaches;
  }

  get pastLength(): number {
    return this.#pastLength;
  }

  forward(ids: ArrayLike<number>): Float32Array {
    const { data, dims } = this.#run(ids);
    return data.subarray(data.length - (dims.at(-1) ?? 0));
  }

  forwardAll(ids: ArrayLike<number>): Float32Array {
    return this.#run(ids).data;
  }

  /** Nothing is kept from call to call. */
  prepare(): void {}

  truncate(length: number): void {
    checkTruncation(length, this.#pastLength);
    const cut = this.#ports.map(({ past }) => [past, firstPositions(required(this.#caches, past), length)] as const);
    this.#caches = Object.fromEntries(cut);
    this.#pastLength = length;
  }

  reset(): void {
    this.#caches = this.#emptyCaches;
    this.#pastLength = 0;
  }

  close(): void {
    this.#session.release();
  }

  #run(ids: ArrayLike<number>): TensorData<'float32'> {
    const total = this.#pastLength + ids.length;
    const feeds: { [name: string]: TensorData } = { [tokensInput]: tokenTensor(ids), [maskInput]: fullMask(total) };
    for (const { past } of this.#ports) feeds[past] = required(this.#caches, past);
    const outputs = this.#session.run(feeds);
    const logits = required(outputs, logitsOutput);
    if (!isTensorOf(logits, 'float32')) throw new Error('the logits are not float32');
    this.#caches = Object.fromEntries(this.#ports.map(({ past, present }) => [past, required(outputs, present)]));
    this.#pastLength = total;
    return logits;
  }
}

function required(tensors: NamedTensors, name: string): TensorData {
  const tensor = tensors[name];
  if (tensor === undefined) throw new Error(`there is no tensor ${name}`);
  return tensor;
}

/** A copy of a cache [1, heads, positions, size] with its first positions only. */
function firstPositions(cache: TensorData, length: number): TensorData {
  const [batch = 1, heads = 0, positions = 0, size = 0] = cache.dims;
  if (!isTensorOf(cache, 'float32')) throw new Error('a cache is not float32');
  const cut = new Float32Array(new ArrayBuffer(batch * heads * length * size * 4));
  for (let head = 0; head < batch * heads; head++) {
    const start = head * positions * size;
    cut.set(cache.data.subarray(start, start + length * size), head * length * size);
  }
  return tensorOver('float32', [batch, heads, length, size], cut.buffer);
}
