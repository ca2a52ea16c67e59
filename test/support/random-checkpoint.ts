import { closeSync, copyFileSync, mkdirSync, openSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { float32ArrayToFloat16 } from '../../src/numerics/half.js';
import { torchPickle, zipDirectory, zipEntry } from '../checkpoints/hostile-files.js';
import { weightShapes } from '../models/golden-weights.js';

const wren = join(import.meta.dirname, '../../recipes/models/opt-wren-4m');

interface RandomTensor {
  readonly name: string;
  readonly dims: readonly number[];
  readonly byteLength: number;
}

export interface RandomCheckpointOptions {
  readonly format?: 'safetensors' | 'torch';
  /** A shard ends before the tensor that would make it larger; one file unless given. */
  readonly shardBytes?: number;
}

/**
 * Writes a checkpoint in the Hugging Face layout with float16 weights that are made up, in constant memory whatever its
 * size. The tokenizer is that of opt-wren-4m, so the vocabulary needs 4096 tokens or more.
 */
export function writeRandomCheckpoint(
  directory: string,
  config: { readonly [field: string]: unknown },
  { format = 'safetensors', shardBytes = Number.POSITIVE_INFINITY }: RandomCheckpointOptions = {},
): string {
  mkdirSync(directory, { recursive: true });
  writeFileSync(join(directory, 'config.json'), JSON.stringify(config));
  for (const name of ['tokenizer.json', 'tokenizer_config.json']) copyFileSync(join(wren, name), join(directory, name));
  const shards = shardsOf(tensorsOf(config), shardBytes);
  const [stem, extension, write] =
    format === 'torch'
      ? (['pytorch_model', 'bin', writeTorch] as const)
      : (['model', 'safetensors', writeSafetensors] as const);
  const places: { [tensor: string]: string } = {};
  shards.forEach((tensors, index) => {
    const number = (value: number): string => String(value).padStart(5, '0');
    const part = shards.length === 1 ? '' : `-${number(index + 1)}-of-${number(shards.length)}`;
    const file = `${stem}${part}.${extension}`;
    write(join(directory, file), tensors);
    for (const { name } of tensors) places[name] = file;
  });
  if (shards.length > 1) {
    const index = JSON.stringify({ metadata: {}, weight_map: places });
    writeFileSync(join(directory, `${stem}.${extension}.index.json`), index);
  }
  return directory;
}

/** What config.json does not ask for is left out: norms of heads, norms behind layers, biases of Llama. */
function tensorsOf(config: { readonly [field: string]: unknown }): RandomTensor[] {
  const unread = config.model_type === 'llama' ? /_proj\.bias|[qk]_norm|feedforward_layernorm/ : /project_(in|out)/;
  return Object.entries(weightShapes(config))
    .filter(([name]) => !unread.test(name))
    .map(([name, dims]) => ({ name, dims, byteLength: 2 * dims.reduce((product, size) => product * size, 1) }));
}

function shardsOf(tensors: readonly RandomTensor[], shardBytes: number): RandomTensor[][] {
  const shards: RandomTensor[][] = [];
  let room = 0;
  for (const tensor of tensors) {
    if (shards.length === 0 || tensor.byteLength > room) {
      shards.push([]);
      room = shardBytes;
    }
    shards.at(-1)?.push(tensor);
    room -= tensor.byteLength;
  }
  return shards;
}

function writeSafetensors(path: string, tensors: readonly RandomTensor[]): void {
  let end = 0;
  const entries = tensors.map(({ name, dims, byteLength }) => {
    const start = end;
    end += byteLength;
    return [name, { dtype: 'F16', shape: dims, data_offsets: [start, end] }] as const;
  });
  const header = Buffer.from(JSON.stringify(Object.fromEntries(entries)));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(header.length));
  withFile(path, (write) => {
    write(length);
    write(header);
    for (const tensor of tensors) for (const piece of elementsOf(tensor)) write(piece);
  });
}

/** As `torch.save` writes it: a pickle that describes the tensors, and a file with the elements of each. */
function writeTorch(path: string, tensors: readonly RandomTensor[]): void {
  const entries: Buffer[] = [];
  withFile(path, (write) => {
    let offset = 0;
    const add = (name: string, byteLength: number, pieces: Iterable<Uint8Array>): void => {
      const { local, entry } = zipEntry(`archive/${name}`, byteLength, offset);
      write(local);
      for (const piece of pieces) write(piece);
      entries.push(entry);
      offset += local.length + byteLength;
    };
    const pickle = torchPickle(tensors, 'HalfStorage');
    add('data.pkl', pickle.length, [pickle]);
    for (const [index, tensor] of tensors.entries()) add(`data/${index}`, tensor.byteLength, elementsOf(tensor));
    write(zipDirectory(entries, offset));
  });
}

function withFile(path: string, use: (write: (bytes: Uint8Array) => void) => void): void {
  const file = openSync(path, 'wx');
  try {
    use((bytes) => {
      for (let done = 0; done < bytes.byteLength; ) done += writeSync(file, bytes, done);
    });
  } finally {
    closeSync(file);
  }
}

/** Enough for no two tensors to be alike, and little enough to be made at once. A prime, so that rows are not alike either. */
const poolElements = 1_048_583;
let pool: Uint8Array | undefined;

/** Elements around 0, those of norms around 1, from a place in one sequence that depends on the name. */
function* elementsOf({ name, dims, byteLength }: RandomTensor): Generator<Uint8Array> {
  if (dims.length === 1 && name.endsWith('norm.weight')) {
    yield bytesOf(float32ArrayToFloat16(new Float32Array(byteLength / 2).fill(1)));
    return;
  }
  pool ??= bytesOf(float32ArrayToFloat16(randomValues(poolElements)));
  let start = 2 * (Buffer.from(name).reduce((state, byte) => (state * 31 + byte) % poolElements, 7) % poolElements);
  for (let done = 0; done < byteLength; ) {
    const piece = pool.subarray(start, start + Math.min(pool.length - start, byteLength - done));
    yield piece;
    done += piece.length;
    start = 0;
  }
}

/** Sums of four, so that there are more small values than large ones; standard deviation 0.02. */
function randomValues(count: number): Float32Array {
  let state = 1;
  const uniform = (): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32 - 0.5;
  };
  return Float32Array.from({ length: count }, () => (uniform() + uniform() + uniform() + uniform()) * 0.0346);
}

function bytesOf({ buffer, byteOffset, byteLength }: ArrayBufferView): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}
