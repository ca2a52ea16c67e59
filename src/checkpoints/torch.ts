import { QuernError } from '../errors.js';
import { ByteReader } from '../files/byte-reader.js';
import { type InputFile, withInputFile } from '../files/input-file.js';
import { quote } from '../files/quote.js';
import { readZipDirectory, type StoredEntry } from '../files/zip-directory.js';
import type { Checkpoint } from './checkpoint.js';
import { readPickle } from './pickle.js';
import { TorchHost } from './torch-host.js';
import { isLegacyTorch, readLegacyTorch } from './torch-legacy.js';
import { type InterpretTorch, readStateDict } from './torch-state.js';

const pickleName = 'data.pkl';

/** Opens a file of `torch.save` that holds the weights of a model. */
export function openTorch(path: string): Checkpoint {
  return readTorch(path, readStateDict);
}

/**
 * Reads a file of `torch.save`: a ZIP archive with a pickle that describes the tensors and their bytes beside it, or one
 * of the older form. Only the description is read. Nothing in the file is run; a name in it that is not of a tensor is a
 * QuernError.
 */
export function readTorch<Result>(path: string, interpret: InterpretTorch<Result>): Result {
  return withInputFile(path, (file) => {
    const start = new Uint8Array(Math.min(8, file.sizeBytes));
    file.read(0, start);
    if (isLegacyTorch(start)) return readLegacyTorch(file, interpret);
    const text = Buffer.from(start).toString('latin1');
    if (text.startsWith('PK')) return readZippedTorch(file, interpret);
    const isPointer = text === 'version ';
    throw new QuernError(
      'input',
      isPointer ? `${path} is a Git LFS pointer, not the weights` : `${path} is not a file of torch.save`,
      {
        suggestion: isPointer ? 'fetch them with `git lfs pull`' : 'is it damaged or in another format?',
      },
    );
  });
}

function readZippedTorch<Result>(file: InputFile, interpret: InterpretTorch<Result>): Result {
  const { path } = file;
  const entries = readZipDirectory(file);
  const pickle = [...entries.values()].find(({ name }) => name === pickleName || /^[^/]+\/data\.pkl$/.test(name));
  if (pickle === undefined) {
    throw new QuernError('input', `${path} is a ZIP archive without ${pickleName}`, {
      suggestion: 'a file of torch.save is needed; TorchScript archives are not supported',
    });
  }
  const folder = pickle.name.slice(0, -pickleName.length);
  checkByteOrder(file, entries.get(`${folder}byteorder`));
  const host = new TorchHost(path);
  const state = readPickle(new ByteReader(file, 'the pickle', pickle.offset, pickle.offset + pickle.sizeBytes), host);
  return interpret(state, path, ({ key, byteLength }) => {
    const entry = entries.get(`${folder}data/${key}`);
    if (entry === undefined) throw new QuernError('input', `${path} lacks the storage ${quote(key)}`);
    if (entry.sizeBytes === byteLength) return entry.offset;
    throw new QuernError('input', `${path}: storage ${quote(key)} has ${entry.sizeBytes} bytes, not ${byteLength}`, {
      suggestion: 'the file is damaged: download or convert it again',
    });
  });
}

function checkByteOrder(file: InputFile, entry: StoredEntry | undefined): void {
  if (entry === undefined) return;
  const order = new ByteReader(file, 'the byte order', entry.offset, entry.offset + entry.sizeBytes).text(
    entry.sizeBytes,
  );
  if (order !== 'little')
    throw new QuernError('input', `${file.path}: the byte order is ${quote(order)}, not "little"`);
}
