import { QuernError } from '../errors.js';
import { fullMask, tokenTensor } from '../models/decoder-inputs.js';
import type { NamedTensors, Session } from '../ort/engine.js';
import { type DataType, type TensorData, zeros } from '../ort/tensor-data.js';
import { maskInput, tokensInput } from './graph-interface.js';

/** A dimension of a value: `base` and `perToken` for each token of the pass. */
export interface TokenDimension {
  readonly base: number;
  readonly perToken: number;
}

/** A value that a session computes. */
export interface ValueShape {
  readonly name: string;
  readonly dataType: DataType;
  readonly dims: readonly TokenDimension[];
}

/** A session that computes some values of the model, in the order in which they run. */
export interface ChainedSession {
  readonly session: Session;
  /** Size of the last dimension of its output, if it multiplies activations, its first input, by weights. */
  readonly outputFeatures?: number;
}

/** By input and output name, caches with room for so many tokens. */
export type MakeCaches = (capacity: number) => ReadonlyMap<string, TensorData>;

interface Probe {
  readonly tokens: number;
  readonly past: number;
}

/** The first two give a straight line, the third shows whether it is one, and that the past is not part of it. */
const probes: readonly [Probe, Probe, Probe] = [
  { tokens: 2, past: 0 },
  { tokens: 3, past: 0 },
  { tokens: 1, past: 3 },
];

/**
 * Learns by small passes how the dimensions of each value depend on the number of tokens. Devices don't take part.
 * @throws QuernError (`input`) if one depends on something else
 */
export function learnShapes(sessions: readonly ChainedSession[], makeCaches: MakeCaches): readonly ValueShape[] {
  const [two, three, one] = probes.map((probe) => dimensionsOf(sessions, makeCaches, probe));
  const shapes: ValueShape[] = [];
  for (const [name, { dataType, dims }] of two!) {
    const more = three!.get(name)?.dims ?? [];
    const shape = dims.map((size, axis) => {
      const perToken = (more[axis] ?? size) - size;
      return { base: size - 2 * perToken, perToken };
    });
    const expected = dimsFor({ dims: shape }, 1);
    const seen = one!.get(name)?.dims;
    if (more.length !== dims.length || String(seen) !== String(expected)) {
      throw new QuernError('input', `the shape of value ${name} does not depend on the number of tokens alone`);
    }
    shapes.push({ name, dataType, dims: shape });
  }
  return shapes;
}

/** The dimensions of a value in a pass over so many tokens. */
export function dimsFor({ dims }: Pick<ValueShape, 'dims'>, tokens: number): readonly number[] {
  return dims.map(({ base, perToken }) => base + perToken * tokens);
}

/** Whether a value has a row for each token, behind a batch of one: [1, tokens, ...]. */
export function hasRows({ dims: [batch, rows, ...others] }: Pick<ValueShape, 'dims'>): boolean {
  if (batch === undefined || rows === undefined || others.length === 0) return false;
  const isFixed = ({ perToken }: TokenDimension): boolean => perToken === 0;
  return batch.base === 1 && isFixed(batch) && rows.base === 0 && rows.perToken === 1 && others.every(isFixed);
}

/** Runs sessions one after the other, keeping each value only as long as it is read. */
function dimensionsOf(
  sessions: readonly ChainedSession[],
  makeCaches: MakeCaches,
  { tokens, past }: Probe,
): ReadonlyMap<string, Pick<TensorData, 'dataType' | 'dims'>> {
  const lastReadAt = lastReads(sessions.map(({ session }) => session));
  const caches = makeCaches(tokens + past);
  const values = new Map<string, TensorData>([
    ...caches,
    [tokensInput, tokenTensor(new Int32Array(tokens))],
    [maskInput, fullMask(tokens + past)],
  ]);
  const seen = new Map<string, Pick<TensorData, 'dataType' | 'dims'>>();
  for (const [place, { session, outputFeatures }] of sessions.entries()) {
    const feeds = named(session.inputs, (name) => values.get(name));
    const outputs = outputFeatures === undefined ? session.run(feeds) : zeroOutputs(session, feeds, outputFeatures);
    for (const [name, output] of Object.entries(outputs)) {
      if (caches.has(name)) continue;
      seen.set(name, { dataType: output.dataType, dims: output.dims });
      values.set(name, output);
    }
    for (const { name } of session.inputs) if (lastReadAt.get(name) === place) values.delete(name);
  }
  return seen;
}

function zeroOutputs({ inputs, outputs }: Session, feeds: NamedTensors, features: number): NamedTensors {
  const activations = feeds[inputs[0]?.name ?? ''];
  if (activations === undefined) throw new Error('a product has no activations');
  const dims = [...activations.dims.slice(0, -1), features];
  return Object.fromEntries(outputs.map(({ name, dataType }) => [name, zeros(dataType, dims)]));
}

/** By value, the place of the last session that reads it. */
export function lastReads(sessions: readonly Session[]): Map<string, number> {
  return new Map(sessions.flatMap(({ inputs }, place) => inputs.map(({ name }) => [name, place] as const)));
}

/** The tensors of a session's inputs or outputs. */
export function named(infos: Session['inputs'], find: (name: string) => TensorData | undefined): NamedTensors {
  return Object.fromEntries(
    infos.map(({ name }) => {
      const tensor = find(name);
      if (tensor === undefined) throw new Error(`there is no value ${name} for a session`);
      return [name, tensor];
    }),
  );
}
