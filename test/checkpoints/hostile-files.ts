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

/** A ZIP archive with stored files. */
export function torchZip(
  files: { readonly [name: string]: Uint8Array },
  { method = 0, sizeBytes }: ZipLies = {},
): Buffer {
  const locals: Buffer[] = [];
  const directory: Buffer[] = [];
  let offset = 0;
  for (const [name, data] of Object.entries(files)) {
    const nameBytes = Buffer.from(name);
    const size = sizeBytes ?? data.length;
    const local = Buffer.alloc(30);
    local.writeUInt32LE(0x0403_4b50);
    local.writeUInt16LE(nameBytes.length, 26);
    const entry = Buffer.alloc(46);
    entry.writeUInt32LE(0x0201_4b50);
    entry.writeUInt16LE(method, 10);
    entry.writeUInt32LE(size, 20);
    entry.writeUInt32LE(size, 24);
    entry.writeUInt16LE(nameBytes.length, 28);
    entry.writeUInt32LE(offset, 42);
    locals.push(local, nameBytes, Buffer.from(data));
    directory.push(entry, nameBytes);
    offset += local.length + nameBytes.length + data.length;
  }
  const entries = Buffer.concat(directory);
  const end = Buffer.alloc(22);
  end.writeUInt32LE(0x0605_4b50);
  end.writeUInt16LE(Object.keys(files).length, 8);
  end.writeUInt16LE(Object.keys(files).length, 10);
  end.writeUInt32LE(entries.length, 12);
  end.writeUInt32LE(offset, 16);
  return Buffer.concat([...locals, entries, end]);
}

/** What `torch.save` makes of a dictionary of float32 tensors. */
export function torchStateDict(
  tensors: readonly { readonly name: string; readonly dims: readonly number[]; readonly data: ArrayBufferView }[],
): Buffer {
  const files: { [name: string]: Uint8Array } = {};
  const text = (value: string): string => `X${integer(Buffer.byteLength(value), 4).toString('latin1')}${value}`;
  const number = (value: number): string => `J${integer(value, 4).toString('latin1')}`;
  let operations = 'ccollections\nOrderedDict\n)R(';
  for (const [index, { name, dims, data }] of tensors.entries()) {
    const strides = dims.map((_, axis) => dims.slice(axis + 1).reduce((product, dim) => product * dim, 1));
    const key = String(index);
    const storage = `(${text('storage')}ctorch\nFloatStorage\n${text(key)}${text('cpu')}${number(data.byteLength / 4)}tQ`;
    const shape = `${number(0)}(${dims.map(number).join('')}t(${strides.map(number).join('')}t`;
    operations += `${text(name)}ctorch._utils\n_rebuild_tensor_v2\n(${storage}${shape}\u0089ccollections\nOrderedDict\n)RtR`;
    files[`archive/data/${key}`] = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  }
  return torchZip({ 'archive/data.pkl': pickleOf(`${operations}u.`), ...files });
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
