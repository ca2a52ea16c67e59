import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** The cases of a file that make.py made. The type is the caller's word for it. */
export function goldenCases<Case>(name: string): readonly Case[] {
  const content: { cases: Case[] } = JSON.parse(readFileSync(join(import.meta.dirname, name), 'utf8'));
  if (content.cases.length === 0) throw new Error(`${name} has no cases`);
  return content.cases;
}

/** Hexadecimal sha256 of the bytes of arrays, one after the other. */
export function arraysSha256(...arrays: readonly ArrayBufferView[]): string {
  const hash = createHash('sha256');
  for (const { buffer, byteOffset, byteLength } of arrays) hash.update(new Uint8Array(buffer, byteOffset, byteLength));
  return hash.digest('hex');
}
