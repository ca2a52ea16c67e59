import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { QuernError } from '../../../src/errors.js';
import type { Engine } from '../../../src/ort/engine.js';
import { openEngine } from '../../../src/ort/open-engine.js';
import { makeHostile } from './mutate.js';
import { Random } from './random.js';
import { makeTargets, type Target } from './targets.js';

/** What became of the cases of one reader. */
export interface Tally {
  cases: number;
  refused: number;
  /** Largest processor time of a case. */
  slowestMs: number;
  /** Largest growth of buffers and heap in a case, beyond the sizes of its files. */
  largestBytes: number;
}

export interface FuzzReport {
  readonly tallies: ReadonlyMap<string, Tally>;
  /** One line for each case that broke a rule, with what is needed to see it again. */
  readonly failures: readonly string[];
}

const allowedMs = 2000;
const allowedBytes = 64 * 1024 * 1024;
const canaryText = 'nobody reads or writes this\n';

function usedBytes(): number {
  const { arrayBuffers, external, heapUsed } = process.memoryUsage();
  return Math.max(arrayBuffers, external) + heapUsed;
}

function usedMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

/** Names of everything below a directory. */
function listing(directory: string): string {
  return readdirSync(directory, { recursive: true, encoding: 'utf8' }).sort().join('\n');
}

/**
 * Gives `cases` hostile files to the readers, the same for the same `seed`. Every file must be read or refused with a
 * QuernError of kind `input`, in 2 s of processor time, with at most 64 MiB beyond its own size, and leave no trace.
 */
export async function fuzzReaders(directory: string, cases: number, seed: number): Promise<FuzzReport> {
  const engine = await openEngine({ threads: 1 });
  try {
    return fuzzWith(engine, directory, cases, seed);
  } finally {
    engine.close();
  }
}

function fuzzWith(engine: Engine, directory: string, cases: number, seed: number): FuzzReport {
  const inner = join(directory, 'a/b');
  mkdirSync(inner, { recursive: true });
  for (const place of [directory, join(directory, 'a')]) writeFileSync(join(place, 'canary'), canaryText);
  const targets = makeTargets(inner, engine);
  const good = new Map(targets.map((target) => [target, readGoodFiles(target)]));
  for (const target of targets.filter(({ name }) => name !== 'torch, evil')) target.read();
  const before = listing(directory);
  const tallies = new Map<string, Tally>();
  const failures: string[] = [];
  for (let number = 0; number < cases; number++) {
    const random = new Random(seed * 1_000_003 + number);
    const target = random.pick(targets);
    const tally = tallies.get(target.name) ?? { cases: 0, refused: 0, slowestMs: 0, largestBytes: 0 };
    tallies.set(target.name, tally);
    const problem = runCase(target, good.get(target) ?? new Map(), random, tally);
    if (problem !== undefined) failures.push(`${target.name}, case ${number} of seed ${seed}: ${problem}`);
  }
  if (listing(directory) !== before) failures.push('files have been made or removed');
  for (const place of [directory, join(directory, 'a')]) {
    if (readFileSync(join(place, 'canary'), 'utf8') !== canaryText) failures.push('a canary has been changed');
  }
  return { tallies, failures };
}

function readGoodFiles({ directory, files }: Target): ReadonlyMap<string, Buffer> {
  return new Map(files.map((file) => [file, readFileSync(join(directory, file))]));
}

function runCase(target: Target, good: ReadonlyMap<string, Buffer>, random: Random, tally: Tally): string | undefined {
  const file = random.pick(target.files);
  const original = good.get(file) ?? Buffer.alloc(0);
  const hostile = makeHostile(file, original, random);
  const path = join(target.directory, file);
  writeFileSync(path, hostile);
  const startBytes = usedBytes();
  const startMs = usedMs();
  const problem = problemOf(target, tally);
  const durationMs = usedMs() - startMs;
  const grownBytes = usedBytes() - startBytes - hostile.length;
  writeFileSync(path, original);
  tally.cases += 1;
  tally.slowestMs = Math.max(tally.slowestMs, durationMs);
  tally.largestBytes = Math.max(tally.largestBytes, grownBytes);
  if (durationMs > allowedMs) return `took ${durationMs.toFixed(0)} ms`;
  if (grownBytes > allowedBytes) return `took ${grownBytes} bytes`;
  return problem;
}

function problemOf(target: Target, tally: Tally): string | undefined {
  try {
    target.read();
  } catch (error) {
    if (!(error instanceof QuernError)) return error instanceof Error ? (error.stack ?? error.message) : String(error);
    tally.refused += 1;
    if (error.code !== 'input') return `is refused as ${error.code}: ${error.message}`;
  }
  return undefined;
}
