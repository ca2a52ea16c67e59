/** Files of the readable formats, right or wrong, for tests. */

/** A pickle of protocol 2 with these operations, one character a byte. */
export function pickleOf(operations: string): Uint8Array {
  return Buffer.concat([Uint8Array.of(0x80, 2), Buffer.from(operations, 'latin1')]);
}

export interface ZipLies {
  /** Compression method that every entry claims. 0: stored. */
  readonly method?: number;
  /** Size that every entry claims. */
  readonly sizeBytes?: number;
}

interface ZipEntry {
  /** What stands in front of the file. */
  readonly local: Buffer;
  /** What stands in the directory. */
  readonly entry: Buffer;
}

/** The headers of a stored file that begins, with its header, at `offset`. */
export function zipEntry(name: string, sizeBytes: number, offset: number, method = 0): ZipEntry {
  const nameBytes = Buffer.from(name);
  const local = Buffer.alloc(30);
  local.writeUInt32LE(0x0403_4b50);
  local.writeUInt16LE(nameBytes.length, 26);
  const entry = Buffer.alloc(46);
  entry.writeUInt32LE(0x0201_4b50);
  entry.writeUInt16LE(method, 10);
  entry.writeUInt32LE(sizeBytes, 20);
  entry.writeUInt32LE(sizeBytes, 24);
  entry.writeUInt16LE(nameBytes.length, 28);
  entry.writeUInt32LE(offset, 42);
  return { local: Buffer.concat([local, nameBytes]), entry: Buffer.concat([entry, nameBytes]) };
}

/** The directory of an archive, which begins at `offset`, and its end. */
export function zipDirectory(entries: readonly Buffer[], offset: number): Buffer {
  const directory = Buffer.concat(entries);
  const end = Buffer.alloc(22);
  end.writeUInt32LE(0x0605_4b50);
  end.writeUInt16LE(entries.length, 8);
  end.writeUInt16LE(entries.length, 10);
  end.writeUInt32LE(directory.length, 12);
  end.writeUInt32LE(offset, 16);
  return Buffer.concat([directory, end]);
}

/** A ZIP archive with stored files. */
export function torchZip(
  files: { readonly [name: string]: Uint8Array },
  { method = 0, sizeBytes }: ZipLies = {},
): Buffer {
  const parts: Buffer[] = [];
  const entries: Buffer[] = [];
  let offset = 0;
  for (const [name, data] of Object.entries(files)) {
    const { local, entry } = zipEntry(name, sizeBytes ?? data.length, offset, method);
    parts.push(local, Buffer.from(data));
    entries.push(entry);
    offset += local.length + data.length;
  }
  return Buffer.concat([...parts, zipDirectory(entries, offset)]);
}

type TorchStorage = 'FloatStorage' | 'HalfStorage';

/** The pickle of a dictionary of tensors, each alone in the storage that is called by its number. */
export function torchPickle(
  tensors: readonly { readonly name: string; readonly dims: readonly number[] }[],
  storage: TorchStorage,
): Uint8Array {
  const text = (value: string): string => `X${integer(Buffer.byteLength(value), 4).toString('latin1')}${value}`;
  const number = (value: number): string => `J${integer(value, 4).toString('latin1')}`;
  const product = (dims: readonly number[]): number => dims.reduce((count, dim) => count * dim, 1);
  let operations = 'ccollections\nOrderedDict\n)R(';
  for (const [index, { name, dims }] of tensors.entries()) {
    const strides = dims.map((_, axis) => product(dims.slice(axis + 1)));
    const stored = `(${text('storage')}ctorch\n${storage}\n${text(String(index))}${text('cpu')}${number(product(dims))}tQ`;
    const shape = `${number(0)}(${dims.map(number).join('')}t(${strides.map(number).join('')}t`;
    operations += `${text(name)}ctorch._utils\n_rebuild_tensor_v2\n(${stored}${shape}\u0089ccollections\nOrderedDict\n)RtR`;
  }
  return pickleOf(`${operations}u.`);
}

/** What `torch.save` makes of a dictionary of float32 tensors. */
export function torchStateDict(
  tensors: readonly { readonly name: string; readonly dims: readonly number[]; readonly data: ArrayBufferView }[],
): Buffer {
  const storages = tensors.map(
    ({ data }, index) =>
      [`archive/data/${index}`, new Uint8Array(data.buffer, data.byteOffset, data.byteLength)] as const,
  );
  return torchZip({ 'archive/data.pkl': torchPickle(tensors, 'FloatStorage'), ...Object.fromEntries(storages) });
}

export interface GgufValueToWrite {
  /** `gguf_metadata_value_type`, and that of the items of an array. */
  readonly type: number;
  readonly bytes: Uint8Array;
}

function integer(value: number | bigint, byteCount: 4 | 8): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt.asUintN(64, BigInt(value)));
  return bytes.subarray(0, byteCount);
}

export function ggufText(text: string): Buffer {
  const bytes = Buffer.from(text);
  return Buffer.concat([integer(bytes.length, 8), bytes]);
}

export const ggufValues = {
  uint32: (value: number): GgufValueToWrite => ({ type: 4, bytes: integer(value, 4) }),
  uint64: (value: bigint): GgufValueToWrite => ({ type: 10, bytes: integer(value, 8) }),
  float32: (value: number): GgufValueToWrite => ({ type: 6, bytes: Buffer.from(Float32Array.of(value).buffer) }),
  bool: (value: boolean): GgufValueToWrite => ({ type: 7, bytes: Uint8Array.of(Number(value)) }),
  text: (value: string): GgufValueToWrite => ({ type: 8, bytes: ggufText(value) }),
  texts: (values: readonly string[]): GgufValueToWrite => ({
    type: 9,
    bytes: Buffer.concat([integer(8, 4), integer(values.length, 8), ...values.map(ggufText)]),
  }),
  integers: (values: readonly number[]): GgufValueToWrite => ({
    type: 9,
    bytes: Buffer.concat([integer(5, 4), integer(values.length, 8), Buffer.from(Int32Array.from(values).buffer)]),
  }),
  floats: (values: readonly number[]): GgufValueToWrite => ({
    type: 9,
    bytes: Buffer.concat([integer(6, 4), integer(values.length, 8), Buffer.from(Float32Array.from(values).buffer)]),
  }),
} as const;

export interface GgufTensorToWrite {
  readonly name: string;
  /** Slowest first, as everywhere but in the file. */
  readonly dims: readonly (number | bigint)[];
  /** `enum ggml_type`. 0: float32. */
  readonly type?: number;
  readonly data: Uint8Array;
}

export interface GgufLies {
  readonly version?: number;
  readonly tensorCount?: bigint;
  readonly valueCount?: bigint;
  /** Added to where every tensor is said to be. */
  readonly shift?: bigint;
}

/** A GGUF file with an alignment of 32. */
export function ggufBytes(
  metadata: { readonly [key: string]: GgufValueToWrite },
  tensors: readonly GgufTensorToWrite[],
  lies: GgufLies = {},
): Buffer {
  const padding = (length: number): Buffer => Buffer.alloc((32 - (length % 32)) % 32);
  const values = Object.entries(metadata).map(([key, { type, bytes }]) =>
    Buffer.concat([ggufText(key), integer(type, 4), bytes]),
  );
  const descriptions: Buffer[] = [];
  const data: Buffer[] = [];
  let offset = 0n;
  for (const tensor of tensors) {
    const dims = tensor.dims.toReversed().map((dim) => integer(dim, 8));
    const place = [integer(tensor.type ?? 0, 4), integer(offset + (lies.shift ?? 0n), 8)];
    descriptions.push(Buffer.concat([ggufText(tensor.name), integer(dims.length, 4), ...dims, ...place]));
    const padded = Buffer.concat([tensor.data, padding(tensor.data.length)]);
    data.push(padded);
    offset += BigInt(padded.length);
  }
  const header = Buffer.concat([
    Buffer.from('GGUF'),
    integer(lies.version ?? 3, 4),
    integer(lies.tensorCount ?? BigInt(tensors.length), 8),
    integer(lies.valueCount ?? BigInt(values.length), 8),
    ...values,
    ...descriptions,
  ]);
  return Buffer.concat([header, padding(header.length), ...data]);
}
