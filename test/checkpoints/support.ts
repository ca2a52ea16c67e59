import { QuernError } from '../../src/errors.js';

/** The bytes of a safetensors file with any header text, right or wrong. */
export function safetensorsBytes(header: string | Uint8Array, data: Uint8Array, headerLength?: bigint): Uint8Array {
  const bytes = Buffer.from(header);
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(headerLength ?? BigInt(bytes.length));
  return Buffer.concat([length, bytes, data]);
}

/** The QuernError of kind `input` that `action` throws; anything else is thrown on. */
export function inputError(action: () => unknown): QuernError {
  try {
    action();
  } catch (error) {
    if (error instanceof QuernError && error.code === 'input') return error;
    throw error;
  }
  throw new Error('no error was thrown');
}
