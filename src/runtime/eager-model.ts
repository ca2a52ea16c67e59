import { QuernError } from '../errors.js';
import { groupQdqProducts } from '../models/group-qdq.js';
import { lowerAttention } from '../models/lower-attention.js';
import type { ModelDirectory } from '../models/model-directory.js';
import type { Engine } from '../ort/engine.js';
import type { TensorData } from '../ort/tensor-data.js';
import { tensorOver } from '../ort/tensor-data.js';
import { checkTruncation, type Decoder } from './decoder.js';
import { type DeviceFault, FaultLog } from './device-faults.js';
import type { Device } from './devices/device.js';
import { ForwardPass, type PassSize, type SessionChain } from './forward-pass.js';
import { requireDecoder } from './graph-interface.js';
import { type ModelledPass, modelPass, NpuLedger } from './npu-ledger.js';
import { openChain } from './open-chain.js';
import type { Granularity } from './partition.js';
import { type Placement, withFallbacks } from './placement.js';

export interface EagerModelOptions {
  readonly engine: Engine;
  /** Its graph is changed: attention is lowered, and types are filled in. */
  readonly opened: ModelDirectory;
  /** In order of preference. The CPU takes what none of them supports. */
  readonly devices: readonly Device[];
  readonly granularity: Granularity;
  /** Most tokens that are read before a reset. At most the positions of the model. */
  readonly capacity: number;
  /**
   * Most tokens of a prompt that are read in one pass. Default: 512, or all where that would change results, because
   * activations are quantized with one scale for all tokens of a pass.
   */
  readonly partLength?: number;
  /** Whether a fault of a device is an error. Otherwise the CPU does what the device does not. Default: false. */
  readonly strict?: boolean;
  /** Told of each operator that goes back to the CPU. */
  readonly onFault?: (fault: DeviceFault) => void;
}

/** How many sizes of passes stay bound, besides that of one token. */
const keptPasses = 4;

/** Tokens of a pass where a prompt can be read in parts: more are hardly faster, and take more memory. */
const defaultPartLength = 512;

/**
 * Opens a model to be run unit by unit on devices. Work of a simulated NPU has its exact results; what it would take is
 * modelled apart.
 * @throws QuernError if the model does not have the form of a decoder, or `capacity` is more than it has positions for
 */
export function openEagerModel(options: EagerModelOptions): EagerModel {
  const { engine, opened, devices, granularity, capacity } = options;
  const { model, info } = opened;
  if (capacity > info.maximumPositions) {
    throw new QuernError('stage', `the model has ${info.maximumPositions} positions, ${capacity} are asked for`);
  }
  requireDecoder(model.graph);
  lowerAttention(model);
  groupQdqProducts(model);
  model.graph.removeUnused();
  const faults = new FaultLog(options.strict ?? false, options.onFault ?? (() => {}));
  const { chain, placement, readsInParts } = openChain({ engine, opened, devices, granularity, capacity, faults });
  const { partLength = readsInParts ? defaultPartLength : capacity } = options;
  const { vocabularySize } = info;
  return new EagerModel(chain, placement, faults, { capacity, partLength, readsInParts, vocabularySize });
}

interface EagerModelLimits {
  readonly capacity: number;
  readonly partLength: number;
  readonly readsInParts: boolean;
  readonly vocabularySize: number;
}

/** A decoder that runs unit by unit, each bound once to its buffers for each number of tokens a pass. */
export class EagerModel implements Decoder {
  /** Modelled work of the NPU in all passes so far. */
  readonly ledger = new NpuLedger();
  readonly #chain: SessionChain;
  readonly #placement: Placement;
  readonly #faults: FaultLog;
  readonly #vocabularySize: number;
  readonly #ones: BigInt64Array<ArrayBuffer>;
  /** By size, the least recently used first. */
  readonly #passes = new Map<string, BoundModel>();
  #pastLength = 0;
  #isClosed = false;
  readonly capacity: number;
  /** Most tokens of a prompt that are read in one pass. */
  readonly partLength: number;
  /** Whether results don't depend, rounding apart, on how a text is cut into passes. */
  readonly readsInParts: boolean;

  constructor(
    chain: SessionChain,
    placement: Placement,
    faults: FaultLog,
    { capacity, partLength, readsInParts, vocabularySize }: EagerModelLimits,
  ) {
    this.#chain = chain;
    this.#placement = placement;
    this.#faults = faults;
    this.#vocabularySize = vocabularySize;
    this.capacity = capacity;
    this.partLength = partLength;
    this.readsInParts = readsInParts;
    this.#ones = new BigInt64Array(new ArrayBuffer(capacity * 8)).fill(1n);
  }

  /** Where operators run: those that a device failed at are on the CPU. */
  get placement(): Placement {
    return withFallbacks(this.#placement, this.#faults.reasons);
  }

  /** What devices failed at so far, at most once an operator. */
  get faults(): readonly DeviceFault[] {
    return this.#faults.faults;
  }

  get pastLength(): number {
    return this.#pastLength;
  }

  /** Sessions that one pass runs, the one for lengths included. */
  get unitCount(): number {
    const { prologue, body, head } = this.#chain;
    return body.length + head.length + (prologue === undefined ? 0 : 1);
  }

  forward(ids: ArrayLike<number>): Float32Array {
    this.#check(ids);
    let start = 0;
    for (; ids.length - start > this.partLength; start += this.partLength) this.#run(ids, start, this.#part());
    return this.#run(ids, start, lastRow(ids.length - start));
  }

  /** Tokens of each pass by which `forward` reads so many. */
  passSizes(tokens: number): readonly number[] {
    const fullParts = Math.ceil(tokens / this.partLength) - 1;
    return [...Array<number>(fullParts).fill(this.partLength), tokens - fullParts * this.partLength];
  }

  forwardAll(ids: ArrayLike<number>): Float32Array {
    this.#check(ids);
    return this.#run(ids, 0, { tokens: ids.length, logitRows: ids.length });
  }

  prepare(rows: number): void {
    if (rows > this.partLength) this.#bound(this.#part());
    this.#bound(lastRow(rows % this.partLength || this.partLength));
  }

  /** What is behind stays in the caches until it is written over; attention reads no further than the lengths say. */
  truncate(length: number): void {
    checkTruncation(length, this.#pastLength);
    this.#pastLength = length;
  }

  reset(): void {
    this.#pastLength = 0;
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    for (const { pass } of this.#passes.values()) pass.release();
    this.#passes.clear();
    const { prologue, body, head } = this.#chain;
    prologue?.release();
    for (const session of [...body, ...head]) session.release();
  }

  /** Reads as many ids from `start` on as the pass has tokens. */
  #run(ids: ArrayLike<number>, start: number, size: PassSize): Float32Array {
    const { pass, modelled } = this.#bound(size);
    for (let index = 0; index < size.tokens; index++) pass.tokens.data[index] = BigInt(ids[start + index]!);
    pass.run(this.#mask(size.tokens));
    this.#pastLength += size.tokens;
    this.ledger.add(modelled);
    return pass.logits.data;
  }

  #bound(size: PassSize): BoundModel {
    const key = `${size.tokens}/${size.logitRows}`;
    const known = this.#passes.get(key);
    const bound = known ?? {
      pass: new ForwardPass(this.#chain, size),
      modelled: modelPass(this.placement, size.tokens),
    };
    if (known !== undefined) this.#passes.delete(key);
    this.#passes.set(key, bound);
    const others = [...this.#passes].filter(([, { pass }]) => pass.tokens.data.length > 1);
    for (const [oldest, { pass }] of others.slice(0, -keptPasses)) {
      pass.release();
      this.#passes.delete(oldest);
    }
    return bound;
  }

  #part(): PassSize {
    return lastRow(this.partLength);
  }

  #mask(rows: number): TensorData {
    return tensorOver('int64', [1, this.#pastLength + rows], this.#ones.buffer);
  }

  #check(ids: ArrayLike<number>): void {
    if (this.#isClosed) throw new Error('the model is closed');
    if (ids.length === 0) throw new Error('a pass reads at least one token');
    const total = this.#pastLength + ids.length;
    if (total > this.capacity) {
      throw new QuernError('stage', `the cache holds ${this.capacity} tokens, ${total} are asked for`);
    }
    for (let index = 0; index < ids.length; index++) {
      const id = ids[index]!;
      if (!Number.isInteger(id) || id < 0 || id >= this.#vocabularySize) {
        throw new QuernError('input', `token ${id} is not one of the ${this.#vocabularySize} of the model`);
      }
    }
  }
}

interface BoundModel {
  readonly pass: ForwardPass;
  readonly modelled: ModelledPass;
}

/** A pass that is read for its last logits. */
function lastRow(tokens: number): PassSize {
  return { tokens, logitRows: 1 };
}
