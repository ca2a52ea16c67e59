import { QuernError } from '../errors.js';
import { type InputFile, withInputFile } from '../files/input-file.js';
import type { Checkpoint } from './checkpoint.js';
import { readSafetensorsHeader } from './safetensors-header.js';

const lengthBytes = 8;
/** What the reference implementation of the format allows (`MAX_HEADER_SIZE`). */
const maximumHeaderBytes = 100_000_000;

function readHeaderLength(file: InputFile): number {
  const { path, sizeBytes } = file;
  if (sizeBytes === 0) throw new QuernError('input', `${path} is empty`, { suggestion: 'download it again' });
  if (sizeBytes < lengthBytes) {
    throw new QuernError('input', `${path} has only ${sizeBytes} bytes, too few for a safetensors file`, {
      suggestion: 'download it again',
    });
  }
  const start = Buffer.alloc(lengthBytes);
  file.read(0, start);
  if (start.toString('latin1') === 'version ') {
    throw new QuernError('input', `${path} is a Git LFS pointer, not the weights themselves`, {
      suggestion: 'fetch them with `git lfs pull`',
    });
  }
  const length = start.readBigUInt64LE();
  if (length > BigInt(maximumHeaderBytes)) {
    throw new QuernError(
      'input',
      `${path}: the header would have ${length} bytes; at most ${maximumHeaderBytes} are allowed`,
      {
        suggestion: 'is it a safetensors file?',
      },
    );
  }
  if (length > BigInt(sizeBytes - lengthBytes)) {
    throw new QuernError('input', `${path} has ${sizeBytes} bytes, fewer than its header of ${length} bytes needs`, {
      suggestion: 'it was cut off: download it again',
    });
  }
  return Number(length);
}

/**
 * Opens a safetensors file. Only its header is read; the tensors are read when they are asked for.
 * A file that breaks a rule of the format in any way is a QuernError that names the file and the tensor.
 */
export function openSafetensors(path: string): Checkpoint {
  return withInputFile(path, (file) => {
    const header = new Uint8Array(readHeaderLength(file));
    file.read(lengthBytes, header);
    const dataOffset = lengthBytes + header.length;
    return readSafetensorsHeader(header, { path, dataOffset, dataBytes: file.sizeBytes - dataOffset });
  });
}
