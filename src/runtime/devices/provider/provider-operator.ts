import type { BoundRun, NamedTensors, Session, TensorInfo } from '../../../ort/engine.js';
import type { ExecutionProvider } from '../../../ort/execution-provider.js';
import type { OperatorSource, PreparedOperator } from '../device.js';
import { openOperator } from './operator-model.js';

/** How many sessions are kept that nothing is bound to, besides the one for a single row. */
const keptSessions = 4;

interface ShapedSession {
  readonly session: Session;
  boundCount: number;
}

/** An operator on a provider that needs to know shapes ahead: a session for each shape of the activations. */
export class FixedShapeOperator implements PreparedOperator {
  readonly inputs: readonly TensorInfo[];
  readonly outputs: readonly TensorInfo[];
  readonly #source: OperatorSource;
  readonly #provider: ExecutionProvider;
  readonly #activations: string;
  /** By the dimensions of the activations before the last, the least recently used first. */
  readonly #sessions = new Map<string, ShapedSession>();

  constructor(source: OperatorSource, provider: ExecutionProvider) {
    this.#source = source;
    this.#provider = provider;
    this.#activations = source.node.requireInput(0).name;
    const { session } = this.#sessionFor([1, 1]);
    this.inputs = session.inputs.map((info) => (info.name === this.#activations ? withOpenShape(info) : info));
    this.outputs = session.outputs.map(withOpenShape);
  }

  run(feeds: NamedTensors): NamedTensors {
    return this.#sessionOf(feeds).session.run(feeds);
  }

  bind(inputs: NamedTensors, outputs: NamedTensors): BoundRun {
    const shaped = this.#sessionOf(inputs);
    const bound = shaped.session.bind(inputs, outputs);
    shaped.boundCount++;
    let isBound = true;
    return {
      run: () => bound.run(),
      release: () => {
        bound.release();
        if (isBound) shaped.boundCount--;
        isBound = false;
      },
    };
  }

  release(): void {
    for (const { session } of this.#sessions.values()) session.release();
    this.#sessions.clear();
  }

  #sessionOf(feeds: NamedTensors): ShapedSession {
    const activations = feeds[this.#activations];
    if (activations === undefined) throw new Error(`there are no activations ${this.#activations}`);
    return this.#sessionFor(activations.dims.slice(0, -1));
  }

  #sessionFor(leading: readonly number[]): ShapedSession {
    const key = leading.join('x');
    const known = this.#sessions.get(key);
    const shaped = known ?? { session: openOperator(this.#source, leading, this.#provider), boundCount: 0 };
    this.#sessions.delete(key);
    this.#sessions.set(key, shaped);
    if (known === undefined) this.#dropUnused();
    return shaped;
  }

  #dropUnused(): void {
    const unused = [...this.#sessions].filter(([key, { boundCount }]) => boundCount === 0 && key !== '1x1');
    for (const [key, { session }] of unused.slice(0, -keptSessions)) {
      session.release();
      this.#sessions.delete(key);
    }
  }
}

function withOpenShape(info: TensorInfo): TensorInfo {
  return { ...info, dims: info.dims.map((size, axis) => (axis === info.dims.length - 1 ? size : '')) };
}
