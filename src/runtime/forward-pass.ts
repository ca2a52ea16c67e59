import type { BoundRun, NamedTensors, Session } from '../ort/engine.js';
import type { TensorData } from '../ort/tensor-data.js';
import { bytesOf, isTensorOf, tensorOver, tensorSizeBytes } from '../ort/tensor-data.js';
import { planBuffers } from './buffer-plan.js';
import { logitsOutput, maskInput, tokensInput } from './graph-interface.js';

/** The sessions of a model, and the tensors that every pass through them shares. */
export interface SessionChain {
  /** Runs first, on the lengths alone. */
  readonly prologue: Session | undefined;
  /** In the order in which they run. */
  readonly sessions: readonly Session[];
  /** By input and output name, the buffers that stay from pass to pass. */
  readonly caches: ReadonlyMap<string, TensorData>;
}

/** The sessions of a model bound to buffers for a fixed number of tokens a pass. */
export interface ForwardPass {
  /** int64 [1, tokens]: what the next run reads. */
  readonly tokens: TensorData<'int64'>;
  /** float32 [1, tokens, vocabulary]: what the last run wrote. */
  readonly logits: TensorData<'float32'>;
  /** float32 [vocabulary]: the last row of `logits`. */
  readonly lastLogits: Float32Array;
  /** Runs all sessions. `mask`: int64 [1, past and new tokens], all ones. */
  run(mask: TensorData): void;
  release(): void;
}

/**
 * Runs the sessions once with outputs in new memory, to learn their shapes, which depend on the number of tokens alone, and
 * binds them to buffers for the runs to come. The pass returned has been run: its logits are those of `tokens`.
 */
export function firstPass(chain: SessionChain, tokens: TensorData<'int64'>, mask: TensorData): ForwardPass {
  const { prologue, sessions, caches } = chain;
  const lengths = new Map<string, TensorData>([
    [tokensInput, tokens],
    [maskInput, mask],
  ]);
  const prologueOutputs = prologue?.run(pick(prologue, (name) => lengths.get(name))) ?? {};
  const stable = new Map<string, TensorData>([[tokensInput, tokens], ...caches, ...Object.entries(prologueOutputs)]);
  const { lifetimes, logits: firstLogits } = runOnce(sessions, stable);
  const plan = planBuffers(
    lifetimes.map((made) => ({ ...made, sizeBytes: tensorSizeBytes(made.dataType, made.dims) })),
  );
  const buffers = plan.sizesBytes.map((sizeBytes) => new ArrayBuffer(sizeBytes));
  const values = new Map(stable);
  for (const { name, dataType, dims } of lifetimes) {
    const buffer = buffers[plan.bufferOf.get(name) ?? -1];
    if (buffer === undefined) throw new Error(`value ${name} has no buffer`);
    values.set(name, tensorOver(dataType, dims, buffer));
  }
  const logits = values.get(logitsOutput);
  if (logits === undefined || !isTensorOf(logits, 'float32')) throw new Error(`${logitsOutput} are not float32`);
  bytesOf(logits.data).set(bytesOf(firstLogits.data));
  return new BoundPass(chain, values, tokens, logits);
}

interface MadeValue extends Pick<TensorData, 'dataType' | 'dims'> {
  readonly name: string;
  readonly writtenAt: number;
  readonly lastReadAt: number;
}

/** Runs sessions one after the other, keeping each value only as long as it is read. */
function runOnce(
  sessions: readonly Session[],
  stable: ReadonlyMap<string, TensorData>,
): { readonly lifetimes: readonly MadeValue[]; readonly logits: TensorData } {
  const lastReadAt = lastReads(sessions).set(logitsOutput, Number.POSITIVE_INFINITY);
  const values = new Map(stable);
  const lifetimes: MadeValue[] = [];
  for (const [place, session] of sessions.entries()) {
    const outputs = session.run(pick(session, (name) => values.get(name)));
    for (const [name, output] of Object.entries(outputs)) {
      const buffer = stable.get(name);
      if (buffer !== undefined) {
        bytesOf(buffer.data).set(bytesOf(output.data));
        continue;
      }
      const { dataType, dims } = output;
      lifetimes.push({ name, dataType, dims, writtenAt: place, lastReadAt: lastReadAt.get(name) ?? place });
      values.set(name, output);
    }
    for (const { name } of session.inputs) if (lastReadAt.get(name) === place && !stable.has(name)) values.delete(name);
  }
  const logits = values.get(logitsOutput);
  if (logits === undefined) throw new Error(`no session computes ${logitsOutput}`);
  return { lifetimes, logits };
}

function lastReads(sessions: readonly Session[]): Map<string, number> {
  return new Map(sessions.flatMap(({ inputs }, place) => inputs.map(({ name }) => [name, place] as const)));
}

function pick(session: Session, find: (name: string) => TensorData | undefined): NamedTensors {
  return named(session.inputs, find);
}

function named(infos: Session['inputs'], find: (name: string) => TensorData | undefined): NamedTensors {
  return Object.fromEntries(
    infos.map(({ name }) => {
      const tensor = find(name);
      if (tensor === undefined) throw new Error(`there is no value ${name} for a session`);
      return [name, tensor];
    }),
  );
}

class BoundPass implements ForwardPass {
  readonly lastLogits: Float32Array;
  readonly #prologue: Session | undefined;
  readonly #prologueInputs: NamedTensors;
  readonly #readsMask: boolean;
  readonly #prologueOutputs: NamedTensors;
  readonly #runs: readonly BoundRun[];

  constructor(
    { prologue, sessions }: SessionChain,
    values: ReadonlyMap<string, TensorData>,
    readonly tokens: TensorData<'int64'>,
    readonly logits: TensorData<'float32'>,
  ) {
    const vocabulary = logits.dims.at(-1) ?? 0;
    this.lastLogits = logits.data.subarray(logits.data.length - vocabulary);
    const find = (name: string): TensorData | undefined => values.get(name);
    this.#prologue = prologue;
    const prologueInfos = prologue?.inputs ?? [];
    this.#readsMask = prologueInfos.some(({ name }) => name === maskInput);
    this.#prologueInputs = named(
      prologueInfos.filter(({ name }) => name !== maskInput),
      find,
    );
    this.#prologueOutputs = named(prologue?.outputs ?? [], find);
    this.#runs = sessions.map((session) => session.bind(pick(session, find), named(session.outputs, find)));
  }

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
