import type { BoundRun, NamedTensors, Session } from '../ort/engine.js';
import type { TensorData } from '../ort/tensor-data.js';
import { isTensorOf, rowsOf, tensorOver, tensorSizeBytes } from '../ort/tensor-data.js';
import { planBuffers, type ValueLifetime } from './buffer-plan.js';
import { logitsOutput, maskInput, tokensInput } from './graph-interface.js';
import { dimsFor, hasRows, lastReads, named, type ValueShape } from './value-shapes.js';

/** The sessions of a model, and the tensors that every pass through them shares. */
export interface SessionChain {
  /** Runs first, on the lengths alone. */
  readonly prologue: Session | undefined;
  /** In the order in which they run. */
  readonly body: readonly Session[];
  /** Run behind the body, for some of the last tokens. */
  readonly head: readonly Session[];
  /** Of all values that sessions compute, caches apart. */
  readonly shapes: readonly ValueShape[];
  /** By input and output name, the buffers that stay from pass to pass. */
  readonly caches: ReadonlyMap<string, TensorData>;
  /** The memory of all other values. */
  readonly buffers: BufferPool;
}

/** How many tokens a pass reads, and for how many of the last of them it computes logits. */
export interface PassSize {
  readonly tokens: number;
  readonly logitRows: number;
}

/** Buffers that passes take turns in using. */
export class BufferPool {
  readonly #buffers: ArrayBuffer[] = [];

  /** Buffers of at least these sizes. */
  take(sizesBytes: readonly number[]): readonly ArrayBuffer[] {
    return sizesBytes.map((sizeBytes, index) => {
      const known = this.#buffers[index];
      if (known !== undefined && known.byteLength >= sizeBytes) return known;
      const buffer = new ArrayBuffer(sizeBytes);
      this.#buffers[index] = buffer;
      return buffer;
    });
  }
}

/** The sessions of a model bound to buffers for a fixed number of tokens a pass. */
export class ForwardPass {
  /** int64 [1, tokens]: what the next run reads. */
  readonly tokens: TensorData<'int64'>;
  /** float32 [1, logit rows, vocabulary]: what the last run wrote. Other passes write there, too. */
  readonly logits: TensorData<'float32'>;
  readonly #prologue: Session | undefined;
  readonly #prologueInputs: NamedTensors;
  readonly #readsMask: boolean;
  readonly #prologueOutputs: NamedTensors;
  readonly #runs: readonly BoundRun[];

  constructor(chain: SessionChain, size: PassSize) {
    const { prologue, body, head } = chain;
    this.tokens = tensorOver('int64', [1, size.tokens], new ArrayBuffer(size.tokens * 8));
    const values = placeValues(chain, size).set(tokensInput, this.tokens);
    const find = (name: string): TensorData | undefined => values.get(name);
    const made = new Set(head.flatMap(({ outputs }) => outputs.map(({ name }) => name)));
    const cut = new Set(
      chain.shapes.filter((shape) => hasRows(shape) && !made.has(shape.name)).map(({ name }) => name),
    );
    const findLast = (name: string): TensorData | undefined => {
      const value = values.get(name);
      return value !== undefined && cut.has(name) ? rowsOf(value, size.tokens - size.logitRows, size.logitRows) : value;
    };
    const prologueInfos = prologue?.inputs ?? [];
    this.#prologue = prologue;
    this.#readsMask = prologueInfos.some(({ name }) => name === maskInput);
    this.#prologueInputs = named(
      prologueInfos.filter(({ name }) => name !== maskInput),
      find,
    );
    this.#prologueOutputs = named(prologue?.outputs ?? [], find);
    const bind =
      (findInput: typeof find) =>
      (session: Session): BoundRun =>
        session.bind(named(session.inputs, findInput), named(session.outputs, find));
    this.#runs = [...body.map(bind(find)), ...head.map(bind(findLast))];
    const logits = findLast(logitsOutput);
    if (logits === undefined || !isTensorOf(logits, 'float32')) throw new Error(`${logitsOutput} are not float32`);
    this.logits = logits;
  }

  /** Runs all sessions. `mask`: int64 [1, past and new tokens], all ones. */
  run(mask: TensorData): void {
    if (this.#prologue !== undefined) this.#runPrologue(this.#prologue, mask);
    for (const bound of this.#runs) bound.run();
  }

  /** The mask grows with each token, so this session alone is bound for each run. */
  #runPrologue(session: Session, mask: TensorData): void {
    const inputs = this.#readsMask ? { ...this.#prologueInputs, [maskInput]: mask } : this.#prologueInputs;
    const bound = session.bind(inputs, this.#prologueOutputs);
    try {
      bound.run();
    } finally {
      bound.release();
    }
  }

  release(): void {
    for (const bound of this.#runs) bound.release();
  }
}

/** Gives every value its place in the buffers, those of the head with as many tokens as there are rows of logits. */
function placeValues({ prologue, body, head, shapes, caches, buffers }: SessionChain, size: PassSize) {
  const sessions = [...(prologue === undefined ? [] : [prologue]), ...body, ...head];
  const lastReadAt = lastReads(sessions).set(logitsOutput, Number.POSITIVE_INFINITY);
  const shapeOf = new Map(shapes.map((shape) => [shape.name, shape]));
  const lifetimes: (ValueLifetime & Pick<TensorData, 'dataType' | 'dims'>)[] = [];
  for (const [place, { outputs }] of sessions.entries()) {
    const tokens = place < sessions.length - head.length ? size.tokens : size.logitRows;
    for (const { name } of outputs) {
      if (caches.has(name)) continue;
      const shape = shapeOf.get(name);
      if (shape === undefined) throw new Error(`the shape of value ${name} is not known`);
      const [{ dataType }, dims] = [shape, dimsFor(shape, tokens)];
      const sizeBytes = tensorSizeBytes(dataType, dims);
      lifetimes.push({ name, dataType, dims, sizeBytes, writtenAt: place, lastReadAt: lastReadAt.get(name) ?? place });
    }
  }
  const plan = planBuffers(lifetimes);
  const memory = buffers.take(plan.sizesBytes);
  const values = new Map<string, TensorData>(caches);
  for (const { name, dataType, dims } of lifetimes) {
    const buffer = memory[plan.bufferOf.get(name) ?? -1];
    if (buffer === undefined) throw new Error(`value ${name} has no buffer`);
    values.set(name, tensorOver(dataType, dims, buffer));
  }
  return values;
}
