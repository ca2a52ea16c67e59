import { realpathSync } from 'node:fs';
import { QuernError } from '../errors.js';
import type { ModelDirectory } from '../models/model-directory.js';
import type { Node } from '../onnx/node.js';
import type { Engine, Session } from '../ort/engine.js';
import type { DeviceFault, FaultLog } from './device-faults.js';
import type { Device, LinearOperator, OperatorSource } from './devices/device.js';
import { BufferPool, type SessionChain } from './forward-pass.js';
import { GuardedOperator } from './guarded-operator.js';
import { splitHead } from './head.js';
import { allocateCaches, findCachePorts } from './key-value-caches.js';
import { type Granularity, partition } from './partition.js';
import { type OffloadedOperator, type Placement, placeOperators } from './placement.js';
import { splitPrologue } from './prologue.js';
import { canReadInParts } from './row-wise.js';
import { declareOutputs, openUnitSession } from './unit-sessions.js';
import { type ChainedSession, hasRows, learnShapes, type ValueShape } from './value-shapes.js';

export interface ChainOptions {
  readonly engine: Engine;
  /** Its graph has its attention lowered, and gets types. */
  readonly opened: ModelDirectory;
  /** In order of preference. The CPU takes what none of them supports. */
  readonly devices: readonly Device[];
  readonly granularity: Granularity;
  /** Tokens that the caches hold. */
  readonly capacity: number;
  readonly faults: FaultLog;
}

export interface OpenedChain {
  readonly chain: SessionChain;
  readonly placement: Placement;
  /** Whether a prompt gives the same results, rounding apart, when it is read in parts. */
  readonly readsInParts: boolean;
}

/** Places the operators of a decoder on devices, and opens its units. */
export function openChain(options: ChainOptions): OpenedChain {
  const { engine, opened, devices, granularity, capacity, faults } = options;
  const { model, info } = opened;
  const { prologue, rest } = splitPrologue(model.graph);
  const directory = realpathSync(opened.directory);
  const sourceOf = (node: Node, operator: LinearOperator): OperatorSource => {
    return { operator, engine, model, node, directory };
  };
  const placement = placeOperators(model.graph.nodes, devices, {
    sourceOf,
    onFault: (node, { name }, error) => faults.record(node, name, 'ask', error),
  });
  const isOffloaded = (node: Node): boolean => placement.offloaded.has(node);
  const { body, head } = splitHead(rest, isOffloaded);
  const ports = findCachePorts(model.graph);
  const opening: Session[] = [];
  const open = (nodes: readonly Node[]): ChainedSession => {
    const [first] = nodes;
    const offloaded = first === undefined ? undefined : placement.offloaded.get(first);
    const session =
      first === undefined || offloaded === undefined
        ? openUnitSession(engine, model, nodes, directory)
        : openOffloaded(sourceOf(first, offloaded.operator), offloaded, faults);
    opening.push(session);
    return offloaded === undefined ? { session } : { session, outputFeatures: offloaded.operator.n };
  };
  const openAll = (nodes: readonly Node[]): readonly ChainedSession[] =>
    partition(nodes, isOffloaded, granularity).map((unit) => open(unit.nodes));
  try {
    const parts = [prologue.length === 0 ? [] : [open(prologue)], openAll(body), openAll(head)];
    const shapes = learnShapes(parts.flat(), (length) => allocateCaches(ports, info, length));
    const [[prologueSession] = [], bodySessions = [], headSessions = []] = parts.map((part) =>
      part.map(({ session }) => session),
    );
    const canCut = readsRows(bodySessions, headSessions, shapes);
    const chain = {
      prologue: prologueSession,
      body: canCut ? bodySessions : [...bodySessions, ...headSessions],
      head: canCut ? headSessions : [],
      shapes,
      caches: allocateCaches(ports, info, capacity),
      buffers: new BufferPool(),
    };
    return { chain, placement, readsInParts: canReadInParts(rest) };
  } catch (error) {
    for (const session of opening) session.release();
    throw error;
  }
}

/** Whether all that the head reads of the body has a row for each token, or nothing to do with their number. */
function readsRows(body: readonly Session[], head: readonly Session[], shapes: readonly ValueShape[]): boolean {
  const computed = new Set(body.flatMap(({ outputs }) => outputs.map(({ name }) => name)));
  const read = new Set(head.flatMap(({ inputs }) => inputs.map(({ name }) => name)));
  return shapes
    .filter(({ name }) => computed.has(name) && read.has(name))
    .every((shape) => hasRows(shape) || shape.dims.every(({ perToken }) => perToken === 0));
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
