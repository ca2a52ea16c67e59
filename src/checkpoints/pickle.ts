import type { ByteReader } from '../files/byte-reader.js';
import { opcodes, readScalar } from './pickle-opcodes.js';
import {
  PickleDict,
  type PickleHost,
  PickleList,
  PickleObject,
  PickleTuple,
  type PickleValue,
} from './pickle-values.js';

/** What a file of 10,000 tensors needs. It keeps what a hostile one can make of few bytes below 64 MiB. */
const maximumOperations = 500_000;
const maximumNameBytes = 1000;

const oldestProtocol = 2;
const newestProtocol = 5;

/**
 * Reads one pickle of protocol 2 to 5, up to and including its end. It is data to this reader: names go to `host`, which
 * answers from a list of its own, and nothing is ever imported or run. What `torch.save` does not write is refused.
 */
export function readPickle(reader: ByteReader, host: PickleHost): PickleValue {
  return new PickleReader(reader, host).read();
}

class PickleReader {
  readonly #reader: ByteReader;
  readonly #host: PickleHost;
  readonly #stack: PickleValue[] = [];
  /** Heights of the stack at the marks. */
  readonly #marks: number[] = [];
  readonly #memo = new Map<number, PickleValue>();

  constructor(reader: ByteReader, host: PickleHost) {
    this.#reader = reader;
    this.#host = host;
  }

  read(): PickleValue {
    for (let operations = 0; operations < maximumOperations; operations++) {
      const opcode = this.#reader.uint8();
      if (opcode === opcodes.stop) return this.#pop();
      this.#execute(opcode);
    }
    throw this.#reader.error(`has more than ${maximumOperations} operations, which is too many`);
  }

  #execute(opcode: number): void {
    const made = readScalar(opcode, this.#reader) ?? this.#collection(opcode) ?? this.#object(opcode);
    if (made !== undefined) {
      this.#stack.push(made);
      return;
    }
    if (this.#changeStack(opcode) || this.#changeCollection(opcode) || this.#remember(opcode)) return;
    if (opcode === opcodes.protocol) this.#checkProtocol();
    else if (opcode === opcodes.frame) this.#checkFrame();
    else throw this.#unsupported(opcode);
  }

  /** The collection that an operation makes, if it does. */
  #collection(opcode: number): PickleValue | undefined {
    switch (opcode) {
      case opcodes.emptyList:
        return new PickleList();
      case opcodes.emptyDict:
        return new PickleDict();
      case opcodes.emptyTuple:
        return new PickleTuple([]);
      case opcodes.tuple1:
        return new PickleTuple(this.#popMany(1));
      case opcodes.tuple2:
        return new PickleTuple(this.#popMany(2));
      case opcodes.tuple3:
        return new PickleTuple(this.#popMany(3));
      case opcodes.tuple:
        return new PickleTuple(this.#popToMark());
      default:
        return undefined;
    }
  }

  /** What the host gives for an operation that needs it. */
  #object(opcode: number): PickleValue | undefined {
    switch (opcode) {
      case opcodes.global:
      case opcodes.instance:
        return this.#global(opcode);
      case opcodes.stackGlobal: {
        const [module, name] = this.#popMany(2);
        if (typeof module === 'string' && typeof name === 'string') return this.#host.global(module, name);
        throw this.#reader.error('names something by a value that is not a text');
      }
      case opcodes.reduce:
      case opcodes.newObject: {
        const [callable, args] = this.#popMany(2);
        if (callable instanceof PickleObject && args instanceof PickleTuple) {
          return this.#host.call(callable, args.items);
        }
        throw this.#reader.error('calls something that can not be called');
      }
      case opcodes.binPersistentId:
        return this.#host.persistent(this.#pop());
      default:
        return undefined;
    }
  }

  #global(opcode: number): PickleObject {
    const module = this.#reader.line(maximumNameBytes);
    const object = this.#host.global(module, this.#reader.line(maximumNameBytes));
    if (opcode === opcodes.global) return object;
    throw this.#unsupported(opcode);
  }

  #changeStack(opcode: number): boolean {
    switch (opcode) {
      case opcodes.none:
        this.#stack.push(null);
        return true;
      case opcodes.mark:
        this.#marks.push(this.#stack.length);
        return true;
      case opcodes.pop:
        this.#pop();
        return true;
      case opcodes.popMark:
        this.#popToMark();
        return true;
      case opcodes.dup:
        this.#stack.push(this.#top());
        return true;
      default:
        return false;
    }
  }

  #changeCollection(opcode: number): boolean {
    switch (opcode) {
      case opcodes.append:
        this.#append(this.#popMany(1));
        return true;
      case opcodes.appends:
        this.#append(this.#popToMark());
        return true;
      case opcodes.setItem:
        this.#setItems(this.#popMany(2));
        return true;
      case opcodes.setItems:
        this.#setItems(this.#popToMark());
        return true;
      case opcodes.build:
        this.#build();
        return true;
      default:
        return false;
    }
  }

  #remember(opcode: number): boolean {
    switch (opcode) {
      case opcodes.binPut:
        this.#memo.set(this.#reader.uint8(), this.#top());
        return true;
      case opcodes.longBinPut:
        this.#memo.set(this.#reader.uint32(), this.#top());
        return true;
      case opcodes.memoize:
        this.#memo.set(this.#memo.size, this.#top());
        return true;
      case opcodes.binGet:
        this.#stack.push(this.#remembered(this.#reader.uint8()));
        return true;
      case opcodes.longBinGet:
        this.#stack.push(this.#remembered(this.#reader.uint32()));
        return true;
      default:
        return false;
    }
  }

  #checkProtocol(): void {
    const version = this.#reader.uint8();
    if (version >= oldestProtocol && version <= newestProtocol) return;
    throw this.#reader.error(`is of protocol ${version}; ${oldestProtocol} to ${newestProtocol} are supported`);
  }

  #checkFrame(): void {
    const length = this.#reader.uint64();
    if (length > this.#reader.remaining) throw this.#reader.error('has a frame that is longer than the file');
  }

  #append(values: readonly PickleValue[]): void {
    const list = this.#top();
    if (!(list instanceof PickleList)) throw this.#reader.error('appends to something that is not a list');
    for (const value of values) list.items.push(value);
  }

  #setItems(values: readonly PickleValue[]): void {
    const dict = this.#top();
    if (!(dict instanceof PickleDict)) throw this.#reader.error('sets an item of something that is not a dictionary');
    if (values.length % 2 !== 0) throw this.#reader.error('sets a key without a value');
    for (let index = 0; index + 1 < values.length; index += 2) {
      dict.entries.push([values[index] ?? null, values[index + 1] ?? null]);
    }
  }

  /** The attributes that `state_dict()` hangs on its dictionary (`_metadata`: versions of modules) are not needed. */
  #build(): void {
    this.#pop();
    if (!(this.#top() instanceof PickleDict)) throw this.#reader.error('sets attributes of something unexpected');
  }

  #remembered(index: number): PickleValue {
    const value = this.#memo.get(index);
    if (value === undefined) throw this.#reader.error(`refers to value ${index}, which it has not stored`);
    return value;
  }

  /** What is below this height belongs to something that is still being collected. */
  #floor(): number {
    return this.#marks.at(-1) ?? 0;
  }

  #top(): PickleValue {
    const value = this.#stack.at(-1);
    if (value === undefined || this.#stack.length <= this.#floor()) throw this.#reader.error('uses an empty stack');
    return value;
  }

  #pop(): PickleValue {
    const value = this.#top();
    this.#stack.pop();
    return value;
  }

  #popMany(count: number): PickleValue[] {
    if (this.#stack.length - count < this.#floor()) throw this.#reader.error('uses an empty stack');
    return this.#stack.splice(this.#stack.length - count);
  }

  #popToMark(): PickleValue[] {
    const mark = this.#marks.pop();
    if (mark === undefined) throw this.#reader.error('uses a mark that it has not set');
    return this.#stack.splice(mark);
  }

  #unsupported(opcode: number): Error {
    const code = opcode.toString(16).padStart(2, '0');
    return this.#reader.error(`has the operation 0x${code}, which torch.save does not write`);
  }
}
