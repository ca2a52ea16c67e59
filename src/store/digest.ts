import { createHash } from 'node:crypto';
import { closeSync, openSync, readSync } from 'node:fs';
import { setImmediate } from 'node:timers/promises';

declare const digestBrand: unique symbol;

/** Name of some content: `sha256:` and 64 lower-case hexadecimal digits. */
export type Digest = string & { readonly [digestBrand]: true };

/** What a file held when it was read. */
export interface FileContent {
  readonly digest: Digest;
  readonly sizeBytes: number;
}

const digestForm = /^sha256:[0-9a-f]{64}$/;

export function isDigest(value: unknown): value is Digest {
  return typeof value === 'string' && digestForm.test(value);
}

/** The digest a text spells, or `undefined` when it spells none. */
export function parseDigest(text: string): Digest | undefined {
  return isDigest(text) ? text : undefined;
}

/** The 64 hexadecimal digits of a digest. */
export function hexOf(digest: Digest): string {
  return digest.slice('sha256:'.length);
}

function digestOfHex(hex: string): Digest {
  const text = `sha256:${hex}`;
  if (!isDigest(text)) throw new Error(`${hex} is not a sha256`);
  return text;
}

export function digestOfBytes(bytes: Uint8Array): Digest {
  return digestOfHex(createHash('sha256').update(bytes).digest('hex'));
}

const bufferBytes = 1 << 20;
const bytesBetweenPauses = 32 << 20;
/** Shared by all calls: what was read into it is hashed before anything else can run. */
let sharedBuffer: Buffer | undefined;

/**
 * Digest and size of a file of any size, read through one buffer of 1 MiB. Timers and signals are served between
 * every 32 MiB. Errors of the file system are passed on.
 */
export async function digestOfFile(path: string): Promise<FileContent> {
  sharedBuffer ??= Buffer.allocUnsafeSlow(bufferBytes);
  const buffer = sharedBuffer;
  const descriptor = openSync(path, 'r');
  try {
    const hash = createHash('sha256');
    let sizeBytes = 0;
    let nextPause = bytesBetweenPauses;
    for (;;) {
      const readBytes = readSync(descriptor, buffer, 0, buffer.length, null);
      if (readBytes === 0) return { digest: digestOfHex(hash.digest('hex')), sizeBytes };
      hash.update(buffer.subarray(0, readBytes));
      sizeBytes += readBytes;
      if (sizeBytes >= nextPause) {
        nextPause = sizeBytes + bytesBetweenPauses;
        await setImmediate();
      }
    }
  } finally {
    closeSync(descriptor);
  }
}
