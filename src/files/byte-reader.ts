import { QuernError } from '../errors.js';
import type { InputFile } from './input-file.js';

const windowBytes = 64 * 1024;
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/**
 * Reads little-endian values one after the other from a part of a file. No length is believed: whatever goes beyond the
 * part is a QuernError, before anything is allocated for it.
 */
export class ByteReader {
  readonly #file: InputFile;
  readonly #what: string;
  readonly #end: number;
  readonly #window: Buffer;
  #windowStart = 0;
  #windowEnd = 0;
  #position: number;

  /** Reads the bytes from `start` up to `end`; `what` names them in messages (`the header`). */
  constructor(file: InputFile, what: string, start = 0, end: number = file.sizeBytes) {
    this.#file = file;
    this.#what = what;
    this.#position = start;
    this.#end = Math.min(end, file.sizeBytes);
    this.#window = Buffer.alloc(Math.min(windowBytes, this.remaining));
  }

  /** Of the next byte, in the file. */
  get position(): number {
    return this.#position;
  }

  /** Bytes that are left. */
  get remaining(): number {
    return Math.max(0, this.#end - this.#position);
  }

  uint8(): number {
    return this.#window.readUInt8(this.#take(1));
  }

  int8(): number {
    return this.#window.readInt8(this.#take(1));
  }

  uint16(): number {
    return this.#window.readUInt16LE(this.#take(2));
  }

  int16(): number {
    return this.#window.readInt16LE(this.#take(2));
  }

  uint32(): number {
    return this.#window.readUInt32LE(this.#take(4));
  }

  int32(): number {
    return this.#window.readInt32LE(this.#take(4));
  }

  uint64(): bigint {
    return this.#window.readBigUInt64LE(this.#take(8));
  }

  int64(): bigint {
    return this.#window.readBigInt64LE(this.#take(8));
  }

  float32(): number {
    return this.#window.readFloatLE(this.#take(4));
  }

  float64(): number {
    return this.#window.readDoubleLE(this.#take(8));
  }

  float64BigEndian(): number {
    return this.#window.readDoubleBE(this.#take(8));
  }

  /** A copy of the next bytes. */
  bytes(length: number | bigint): Uint8Array<ArrayBuffer> {
    this.#check(length);
    const target = new Uint8Array(Number(length));
    if (target.length <= this.#window.length) {
      const start = this.#take(target.length);
      target.set(this.#window.subarray(start, start + target.length));
    } else {
      this.#file.read(this.#position, target);
      this.#position += target.length;
    }
    return target;
  }

  /** The next bytes, which must be UTF-8, as text. */
  text(length: number | bigint): string {
    const start = this.#position;
    const bytes = this.bytes(length);
    try {
      return utf8.decode(bytes);
    } catch (error) {
      throw this.error(`has a text at byte ${start} that is not UTF-8`, error);
    }
  }

  /** The text up to the next line feed, which is left out; more than `maximumBytes` are refused. */
  line(maximumBytes: number): string {
    const bytes: number[] = [];
    for (let byte = this.uint8(); byte !== 0x0a; byte = this.uint8()) {
      if (bytes.length === maximumBytes) throw this.error(`has a line of more than ${maximumBytes} bytes`);
      bytes.push(byte);
    }
    return Buffer.from(bytes).toString('latin1');
  }

  skip(length: number | bigint): void {
    this.#check(length);
    this.#position += Number(length);
  }

  /** A QuernError about the bytes that are read. */
  error(problem: string, cause?: unknown): QuernError {
    return new QuernError('input', `${this.#file.path}: ${this.#what} ${problem}`, {
      suggestion: 'the file is damaged, cut off or something else: download or convert it again',
      cause,
    });
  }

  #check(length: number | bigint): void {
    if (length <= this.remaining) return;
    throw this.error(
      `ends too early: ${length} bytes are needed at byte ${this.#position}, ${this.remaining} are left`,
    );
  }

  /** Makes the next bytes part of the window, passes over them and says where in the window they are. */
  #take(length: number): number {
    this.#check(length);
    const position = this.#position;
    if (position < this.#windowStart || position + length > this.#windowEnd) {
      this.#windowStart = position;
      this.#windowEnd = Math.min(position + this.#window.length, this.#end);
      this.#file.read(position, this.#window.subarray(0, this.#windowEnd - position));
    }
    this.#position += length;
    return position - this.#windowStart;
  }
}
