/** What the pickle of a checkpoint can hold. Objects of the host, such as tensors, extend `PickleObject`. */
export type PickleValue =
  | null
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | PickleList
  | PickleTuple
  | PickleDict
  | PickleObject;

export class PickleList {
  readonly items: PickleValue[] = [];
}

export class PickleTuple {
  constructor(readonly items: readonly PickleValue[]) {}
}

/** Keys and values in the order in which they were set, as a pickle may use anything as a key. */
export class PickleDict {
  readonly entries: (readonly [key: PickleValue, value: PickleValue])[] = [];
}

export abstract class PickleObject {
  /** For messages: the full name in Python. */
  abstract readonly pythonName: string;
}

/** Whoever reads a pickle decides here what its names mean. Each may throw a QuernError. */
export interface PickleHost {
  /** What `module.name` stands for. A name that is not expected must be refused here. */
  global(module: string, name: string): PickleObject;
  /** What calling an object that `global` gave out makes. */
  call(callable: PickleObject, args: readonly PickleValue[]): PickleValue;
  /** What is outside of the pickle under this id. */
  persistent(id: PickleValue): PickleValue;
}
