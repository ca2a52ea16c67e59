/**
 * Gives hostile files to every reader of files from outside: safetensors, PyTorch, GGUF, ONNX, config.json, tokenizer.
 *
 *     node --import tsx bench/fuzz-readers.ts [CASES] [SEED]
 *
 * Prints a line a reader and fails if any case broke a rule. 20,000 cases of seed 2 unless told otherwise.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { formatBytes } from '../src/format.js';
import { fuzzReaders } from '../test/checkpoints/fuzz/run.js';

const [cases = '20000', seed = '2'] = process.argv.slice(2);
const directory = mkdtempSync(join(tmpdir(), 'quern-fuzz-'));
try {
  const { tallies, failures } = await fuzzReaders(directory, Number(cases), Number(seed));
  for (const [name, { cases: count, refused, slowestMs, largestBytes }] of tallies) {
    const worst = `slowest ${slowestMs.toFixed(0)} ms, largest ${formatBytes(largestBytes)}`;
    console.log(`${name.padEnd(26)} ${String(count).padStart(6)} cases, ${refused} refused, ${worst}`);
  }
  for (const failure of failures) console.log(`FAIL ${failure}`);
  const peak = formatBytes(process.resourceUsage().maxRSS * 1024);
  console.log(`${cases} cases, ${failures.length} failures, peak memory of the process ${peak}`);
  if (failures.length > 0) process.exitCode = 1;
} finally {
  rmSync(directory, { recursive: true, force: true });
}
