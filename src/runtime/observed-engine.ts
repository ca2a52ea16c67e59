import type { BoundRun, Engine, NamedTensors, Session } from '../ort/engine.js';
import type { Device } from './devices/device.js';

/** One run of a unit: what it read and wrote, valid until the next run, and its time. */
export interface UnitRun {
  readonly inputs: NamedTensors;
  readonly outputs: NamedTensors;
  /** On the clock of `performance.now()`. */
  readonly startMs: number;
  readonly durationMs: number;
}

export type RunObserver = (run: UnitRun) => void;

/** An engine whose sessions tell of each run. Closing it closes the other one. */
function observedEngine(engine: Engine, onRun: RunObserver): Engine {
  return {
    name: engine.name,
    version: engine.version,
    threads: engine.threads,
    openSession: (source, options) => observedSession(engine.openSession(source, options), onRun),
    openProvider: (request) => engine.openProvider(request),
    close: () => engine.close(),
  };
}

/** A device whose operators tell of each run; what it does inside on the engine is part of that run and not told. */
function observedDevice(device: Device, engine: Engine, onRun: RunObserver): Device {
  return {
    name: device.name,
    capabilities: () => device.capabilities(),
    supports: (operator, source) => device.supports(operator, source === undefined ? source : { ...source, engine }),
    plan: (operator, rows) => device.plan(operator, rows),
    deviceFor: (operator, rows) => device.deviceFor?.(operator, rows) ?? device,
    prepare: (source) => observedSession(device.prepare({ ...source, engine }), onRun),
    close: () => device.close(),
  };
}

/** An engine and devices that tell of each run of a unit. */
export function observedParts(
  { engine, devices }: { readonly engine: Engine; readonly devices: readonly Device[] },
  onRun: RunObserver,
): { readonly engine: Engine; readonly devices: readonly Device[] } {
  const observed = devices.map((device) => observedDevice(device, engine, onRun));
  return { engine: observedEngine(engine, onRun), devices: observed };
}

function observedSession(session: Session, onRun: RunObserver): Session {
  const observe = (inputs: NamedTensors, run: () => NamedTensors): NamedTensors => {
    const startMs = performance.now();
    const outputs = run();
    onRun({ inputs, outputs, startMs, durationMs: performance.now() - startMs });
    return outputs;
  };
  return {
    inputs: session.inputs,
    outputs: session.outputs,
    run: (feeds, fetches) => observe(feeds, () => session.run(feeds, fetches)),
    bind: (inputs, outputs) => observedBound(session.bind(inputs, outputs), inputs, outputs, observe),
    release: () => session.release(),
  };
}

function observedBound(
  bound: BoundRun,
  inputs: NamedTensors,
  outputs: NamedTensors,
  observe: (inputs: NamedTensors, run: () => NamedTensors) => void,
): BoundRun {
  const run = (): NamedTensors => {
    bound.run();
    return outputs;
  };
  return { run: () => observe(inputs, run), release: () => bound.release() };
}
