import { realpathSync } from 'node:fs';
import { QuernError } from '../errors.js';
import { tokenTensor } from '../models/decoder-inputs.js';
import { groupQdqProducts } from '../models/group-qdq.js';
import { lowerAttention } from '../models/lower-attention.js';
import type { ModelDirectory } from '../models/model-directory.js';
import type { Node } from '../onnx/node.js';
import type { Engine, Session } from '../ort/engine.js';
import type { TensorData } from '../ort/tensor-data.js';
import { tensorOver } from '../ort/tensor-data.js';
import { checkTruncation, type Decoder } from './decoder.js';
import { type DeviceFault, FaultLog } from './device-faults.js';
import type { Device, LinearOperator, OperatorSource } from './devices/device.js';
import { type ForwardPass, firstPass, type SessionChain } from './forward-pass.js';
import { requireDecoder } from './graph-interface.js';
import { GuardedOperator } from './guarded-operator.js';
import { allocateCaches, findCachePorts } from './key-value-caches.js';
import { type ModelledPass, modelPass, NpuLedger } from './npu-ledger.js';
import { type Granularity, partition } from './partition.js';
import { type OffloadedOperator, type Placement, placeOperators, withFallbacks } from './placement.js';
import { splitPrologue } from './prologue.js';
import { declareOutputs, openUnitSession } from './unit-sessions.js';

export interface EagerModelOptions {
  readonly engine: Engine;
  /** Its graph is changed: attention is lowered, and types are filled in. */
  readonly opened: ModelDirectory;
  /** In order of preference. The CPU takes what none of them supports. */
  readonly devices: readonly Device[];
  readonly granularity: Granularity;
  /** Most tokens that are read before a reset. At most the positions of the model. */
  readonly capacity: number;
  /** Whether a fault of a device is an error. Otherwise the CPU does what the device does not. Default: false. */
  readonly strict?: boolean;
  /** Told of each operator that goes back to the CPU. */
  readonly onFault?: (fault: DeviceFault) => void;
}

/** How many numbers of tokens a pass keep their buffers, besides 1. */
const keptPasses = 4;

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
  const { prologue, rest } = splitPrologue(model.graph);
  const directory = realpathSync(opened.directory);
  const sourceOf = (node: Node, operator: LinearOperator): OperatorSource => {
    return { operator, engine, model, node, directory };
  };
  const faults = new FaultLog(options.strict ?? false, options.onFault ?? (() => {}));
  const placement = placeOperators(model.graph.nodes, devices, {
    sourceOf,
    onFault: (node, { name }, error) => faults.record(node, name, 'ask', error),
  });
  const caches = allocateCaches(findCachePorts(model.graph), info, capacity);
  const units = partition(rest, (node) => placement.offloaded.has(node), granularity);
  const opening: Session[] = [];
  const open = (nodes: readonly Node[]): Session => {
    const [first] = nodes;
    const offloaded = first === undefined ? undefined : placement.offloaded.get(first);
    const session =
      first === undefined || offloaded === undefined
        ? openUnitSession(engine, model, nodes, directory)
        : openOffloaded(sourceOf(first, offloaded.operator), offloaded, faults);
    opening.push(session);
    return session;
  };
  try {
    const chain = {
      prologue: prologue.length === 0 ? undefined : open(prologue),
      sessions: units.map(({ nodes }) => open(nodes)),
      caches,
    };
    return new EagerModel(chain, placement, faults, capacity, info.vocabularySize);
  } catch (error) {
    for (const session of opening) session.release();
    throw error;
  }
}

/** An operator on its device, or on the CPU if the device fails to take its weights. */
function openOffloaded(source: OperatorSource, { device }: OffloadedOperator, faults: FaultLog): Session {
  const { engine, model, node, directory } = source;
  const openOnCpu = (): Session => openUnitSession(engine, model, [node], directory);
  const record =
    (during: DeviceFault['during']) =>
    (error: QuernError): void =>
      faults.record(node, device.name, during, error);
  try {
    const prepared = device.prepare(source);
    declareOutputs(model.graph, prepared);
    return new GuardedOperator(prepared, openOnCpu, record('run'));
  } catch (error) {
    if (!(error instanceof QuernError)) throw error;
    record('prepare')(error);
    return openOnCpu();
  }
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
  /** By tokens a pass, the least recently used first. */
  readonly #passes = new Map<number, BoundModel>();
  #pastLength = 0;
  #isClosed = false;

  constructor(
    chain: SessionChain,
    placement: Placement,
    faults: FaultLog,
    readonly capacity: number,
    vocabularySize: number,
  ) {
    this.#chain = chain;
    this.#placement = placement;
    this.#faults = faults;
    this.#vocabularySize = vocabularySize;
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
    return this.#chain.sessions.length + (this.#chain.prologue === undefined ? 0 : 1);
  }

  forward(ids: ArrayLike<number>): Float32Array {
    return this.#run(ids).lastLogits;
  }

  forwardAll(ids: ArrayLike<number>): Float32Array {
    return this.#run(ids).logits.data;
  }

  prepare(rows: number): void {
    if (this.#passes.has(rows)) return;
    if (this.#pastLength > 0) throw new Error('a model is prepared before it reads tokens');
    this.#bind(new Int32Array(rows));
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
    this.#chain.prologue?.release();
    for (const session of this.#chain.sessions) session.release();
  }

  #run(ids: ArrayLike<number>): ForwardPass {
    this.#check(ids);
    const rows = ids.length;
    const known = this.#passes.get(rows);
    const { pass, modelled } = known ?? this.#bind(ids);
    if (known !== undefined) {
      this.#touch(rows, known);
      for (let index = 0; index < rows; index++) pass.tokens.data[index] = BigInt(ids[index]!);
      pass.run(this.#mask(rows));
    }
    this.#pastLength += rows;
    this.ledger.add(modelled);
    return pass;
  }

  /** Runs a first pass with the ids, and keeps what was learnt for others with as many. */
  #bind(ids: ArrayLike<number>): BoundModel {
    const rows = ids.length;
    const pass = firstPass(this.#chain, tokenTensor(ids), this.#mask(rows));
    const bound = { pass, modelled: modelPass(this.placement, rows) };
    this.#passes.set(rows, bound);
    const others = [...this.#passes.keys()].filter((kept) => kept !== 1);
    for (const oldest of others.slice(0, -keptPasses)) {
      this.#passes.get(oldest)?.pass.release();
      this.#passes.delete(oldest);
    }
    return bound;
  }

  #touch(rows: number, bound: BoundModel): void {
    this.#passes.delete(rows);
    this.#passes.set(rows, bound);
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
