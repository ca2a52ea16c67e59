import { QuernError } from '../errors.js';
import { ByteReader } from '../files/byte-reader.js';
import type { InputFile } from '../files/input-file.js';
import { elementBits } from './checkpoint.js';
import { readPickle } from './pickle.js';
import { PickleDict, PickleList } from './pickle-values.js';
import { TorchHost } from './torch-host.js';
import type { InterpretTorch } from './torch-state.js';

/** `MAGIC_NUMBER` of torch/serialization.py. */
const magicNumber = 0x1950a86a20f9469cfc6cn;
const protocolVersion = 1001;
/** A pickle of protocol 2 that begins with an integer of 10 bytes: how such a file starts. */
const firstBytes = [0x80, 0x02, 0x8a, 0x0a];

export function isLegacyTorch(start: Uint8Array): boolean {
  return firstBytes.every((byte, index) => start[index] === byte);
}

/**
 * Opens a file as PyTorch before 1.6 wrote it: five pickles (a number that marks it, version, facts about the machine,
 * the dictionary of tensors, the keys of the storages), then each storage with its element count in front.
 */
export function readLegacyTorch<Result>(file: InputFile, interpret: InterpretTorch<Result>): Result {
  const { path } = file;
  const wrong = (problem: string): QuernError =>
    new QuernError('input', `${path}: ${problem}`, { suggestion: 'it is damaged: download or convert it again' });
  const reader = new ByteReader(file, 'the pickle');
  const host = new TorchHost(path);
  if (readPickle(reader, host) !== magicNumber) throw wrong('is a pickle, but not one of PyTorch');
  if (readPickle(reader, host) !== protocolVersion) throw wrong('is of an unknown version of the format');
  const machine = readPickle(reader, host);
  const isLittleEndian =
    machine instanceof PickleDict && machine.entries.some(([key, value]) => key === 'little_endian' && value === true);
  if (!isLittleEndian) throw wrong('was not written on a little-endian machine');
  const state = readPickle(reader, host);
  const keys = readPickle(reader, host);
  const offsets = new Map<string, number>();
  for (const key of keys instanceof PickleList ? keys.items : []) {
    const storage = typeof key === 'string' ? host.storages.get(key) : undefined;
    if (storage === undefined || offsets.has(storage.key))
      throw wrong('has storages that do not belong to its tensors');
    const elementBytes = storage.dataType === undefined ? 1 : elementBits[storage.dataType] / 8;
    if (Number(reader.uint64()) * elementBytes !== storage.byteLength) throw wrong('has a storage of the wrong size');
    offsets.set(storage.key, reader.position);
    reader.skip(storage.byteLength);
  }
  return interpret(state, path, ({ key }) => {
    const offset = offsets.get(key);
    if (offset === undefined) throw wrong('lacks the storage of a tensor');
    return offset;
  });
}
