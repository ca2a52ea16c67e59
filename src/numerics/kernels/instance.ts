import { compiledModule } from './compiled-module.js';

/** The functions of the compiled module. Addresses and counts are numbers; what they mean stands with the sources. */
export interface KernelFunctions {
  absmax(values: number, count: number): number;
  columnAbsmax(values: number, stride: number, rows: number, columns: number, largest: number): void;
  encodeInt8(values: number, rows: number, columns: number, factors: number, divides: boolean, codes: number): void;
  decodeInt8(codes: number, rows: number, columns: number, scales: number, values: number): void;
  columnRange(values: number, rows: number, columns: number, minima: number, maxima: number): void;
  encodeGroup(
    values: number,
    rows: number,
    columns: number,
    scales: number,
    zeroPoints: number,
    largestCode: number,
    bits: number,
    codes: number,
    columnBytes: number,
  ): void;
  decodeGroup(
    codes: number,
    columnBytes: number,
    rows: number,
    columns: number,
    scales: number,
    zeroPoints: number,
    bits: number,
    values: number,
  ): void;
  findGroupScales(
    minima: number,
    maxima: number,
    columns: number,
    largestCode: number,
    symmetric: boolean,
    scales: number,
    zeroPoints: number,
  ): void;
  quantizeBlock(
    values: number,
    stride: number,
    rows: number,
    columns: number,
    largestCode: number,
    symmetric: boolean,
    bits: number,
    codes: number,
    columnBytes: number,
    scales: number,
    scaleBytes: number,
    zeroPoints: number,
    state: number,
    room: number,
  ): void;
  kQuantizeBlock(
    values: number,
    stride: number,
    rows: number,
    block: number,
    columns: number,
    largestCode: number,
    levels: number,
    bits: number,
    codes: number,
    columnBytes: number,
    scales: number,
    scaleBytes: number,
    zeroPoints: number,
    state: number,
    room: number,
  ): void;
  limitRange(minima: number, maxima: number, columns: number, share: number, bounds: number): void;
  pseudoQuantizeGroup(
    values: number,
    rows: number,
    columns: number,
    factors: number,
    bounds: number,
    scales: number,
    zeroPoints: number,
    largestCode: number,
    difference: boolean,
    results: number,
  ): void;
  quantizeRows(
    values: number,
    sums: number,
    rows: number,
    correctedRows: number,
    columns: number,
    factors: number,
    factorBytes: number,
    scales: number,
    zeroPoints: number,
    parameterBytes: number,
    largestCode: number,
    quantizes: boolean,
    results: number,
  ): void;
  toBfloat16(values: number, count: number, bits: number): void;
  fromBfloat16(bits: number, count: number, values: number): void;
  toFloat16(values: number, count: number, bits: number): void;
  fromFloat16(bits: number, count: number, values: number): void;
  scaleRows(values: number, rows: number, columns: number, factors: number): void;
  scaleColumns(values: number, rows: number, columns: number, factors: number): void;
  compare(values: number, others: number, count: number, state: number): void;
  transpose(source: number, rows: number, columns: number, target: number): void;
  transposeTile(source: number, rowBytes: number, type: number, rows: number, columns: number, target: number): number;
}

interface Memory {
  readonly buffer: ArrayBuffer;
  grow(pages: number): number;
}

interface KernelExports extends KernelFunctions {
  readonly memory: Memory;
}

/** What is used of WebAssembly, which the types of Node.js leave out. */
declare const WebAssembly: {
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Instance: new (module: object) => { readonly exports: unknown };
};

const pageBytes = 65_536;
/** Buffers begin behind what the module itself might keep at the start of its memory. */
const firstAddress = pageBytes;
const alignmentBytes = 64;

/**
 * The compiled module with its memory, which all kernels of a thread share: each call lays out the buffers it needs from
 * the start. It grows to the largest layout, which is a few panels, because kernels work on matrices in pieces; and to the
 * largest matrix that is kept in it.
 */
class KernelInstance {
  readonly functions: KernelFunctions;
  readonly #memory: Memory;
  #layoutStart = firstAddress;

  constructor() {
    const module = new WebAssembly.Module(Buffer.from(compiledModule, 'base64'));
    const exports = new WebAssembly.Instance(module).exports as KernelExports;
    this.functions = exports;
    this.#memory = exports.memory;
  }

  /** Addresses of buffers of these sizes, until the next layout. What is in them is undefined. */
  layout<const Sizes extends readonly number[]>(...sizesBytes: Sizes): { readonly [Index in keyof Sizes]: number } {
    let end = this.#layoutStart;
    const addresses = sizesBytes.map((size) => {
      const address = end;
      end = aligned(end + size);
      return address;
    });
    this.#growTo(end);
    return addresses as { readonly [Index in keyof Sizes]: number };
  }

  /**
   * The address of a buffer that layouts leave alone until `use` has returned. `layoutBytes`: what layouts need meanwhile;
   * larger ones are possible, but move the memory, so that arrays over it are to be made anew.
   */
  keep<Result>(sizeBytes: number, layoutBytes: number, use: (address: number) => Result): Result {
    const address = this.#layoutStart;
    this.#layoutStart = aligned(address + sizeBytes);
    this.#growTo(this.#layoutStart + layoutBytes);
    try {
      return use(address);
    } finally {
      this.#layoutStart = address;
    }
  }

  /** The address of an array that lies in the memory of the kernels. */
  addressOf({ buffer, byteOffset }: Float32Array): number | undefined {
    return buffer === this.#memory.buffer ? byteOffset : undefined;
  }

  #growTo(end: number): void {
    const missing = end - this.#memory.buffer.byteLength;
    if (missing > 0) this.#memory.grow(Math.ceil(missing / pageBytes));
  }

  floats(address: number, length: number): Float32Array {
    return new Float32Array(this.#memory.buffer, address, length);
  }

  doubles(address: number, length: number): Float64Array {
    return new Float64Array(this.#memory.buffer, address, length);
  }

  halves(address: number, length: number): Uint16Array {
    return new Uint16Array(this.#memory.buffer, address, length);
  }

  bytes(address: number, length: number): Uint8Array {
    return new Uint8Array(this.#memory.buffer, address, length);
  }

  signedBytes(address: number, length: number): Int8Array {
    return new Int8Array(this.#memory.buffer, address, length);
  }
}

function aligned(address: number): number {
  return Math.ceil(address / alignmentBytes) * alignmentBytes;
}

export type { KernelInstance };

let instance: KernelInstance | undefined;

/** The instance of this thread, made on first use. */
export function kernelInstance(): KernelInstance {
  instance ??= new KernelInstance();
  return instance;
}
