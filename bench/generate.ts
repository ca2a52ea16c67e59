/**
 * What generating costs beside other runtimes, in one run: time to the first token and for each of 64 new tokens behind
 * prompts of 8, 128, 512 and 1,024 tokens. Contenders run in processes of their own and take turns; medians over the rounds
 * are printed, with ratios to quern. With CLOCK=processor it is processor time, which other work on the machine disturbs
 * less; on one thread it is comparable. Threads of the peers wait in busy loops; those of quern do with SPIN=1.
 *
 *     [THREADS=2] [SPIN=1] [CLOCK=wall] [ROUNDS=5] [LENGTHS=8,128,512,1024] node --import tsx bench/generate.ts <model directory>
 *
 * Peers are what the environment names, each a command that is given prompt lengths and the number of new tokens and prints
 * a line of JSON for each length, `{"promptLength": 8, "prefillMs": 17.4, "msPerToken": 5.6}`:
 *
 *     PEER_GENAI="python bench/peers/genai.py <model directory>"
 *     PEER_TRANSFORMERS_JS="node bench/peers/transformers-js.mjs <package directory> <model directory>"
 */
import { execFileSync } from 'node:child_process';
import { openModelDirectory } from '../src/models/model-directory.js';
import { openEngine } from '../src/ort/open-engine.js';
import { benchmarkPrompt } from '../src/runtime/benchmark.js';
import { greedyToken } from '../src/runtime/decoder.js';
import { deviceNamed } from '../src/runtime/devices/registry.js';
import { openEagerModel } from '../src/runtime/eager-model.js';

const newTokens = 64;
const promptLengths = (process.env.LENGTHS ?? '8,128,512,1024').split(',').map(Number);
const rounds = Number(process.env.ROUNDS ?? 5);
const childFlag = '--as-contender';

interface Times {
  readonly promptLength: number;
  readonly prefillMs: number;
  readonly msPerToken: number;
}

/** Milliseconds of the clock that was asked for. */
function now(): number {
  const { user, system } = process.cpuUsage();
  return process.env.CLOCK === 'processor' ? (user + system) / 1000 : performance.now();
}

async function runQuern(directory: string): Promise<void> {
  const engine = await openEngine({ threads: Number(process.env.THREADS ?? 2), spin: process.env.SPIN === '1' });
  const opened = openModelDirectory(directory);
  const capacity = Math.max(...promptLengths) + newTokens;
  const model = openEagerModel({ engine, opened, devices: [deviceNamed('cpu')], granularity: 'island', capacity });
  const measure = (promptLength: number): Times => {
    model.reset();
    const ids = benchmarkPrompt(promptLength, opened.info.vocabularySize);
    const start = now();
    let next = greedyToken(model.forward(ids));
    const first = now();
    for (let token = 1; token < newTokens; token++) next = greedyToken(model.forward([next]));
    return { promptLength, prefillMs: first - start, msPerToken: (now() - first) / (newTokens - 1) };
  };
  for (const promptLength of promptLengths) {
    measure(promptLength);
    console.log(JSON.stringify(measure(promptLength)));
  }
  model.close();
  engine.close();
}

function times(command: readonly string[]): readonly Times[] {
  const [file = '', ...rest] = command;
  const output = execFileSync(file, [...rest, promptLengths.join(','), String(newTokens)], { encoding: 'utf8' });
  return output
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line): Times => JSON.parse(line));
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}

function compare(directory: string): void {
  const own = [process.execPath, ...process.execArgv, import.meta.filename, childFlag, directory];
  const contenders: (readonly [name: string, command: readonly string[]])[] = [['quern', own]];
  for (const [name, command] of Object.entries(process.env)) {
    if (name.startsWith('PEER_') && command !== undefined) contenders.push([name.slice(5), command.split(' ')]);
  }
  const results = contenders.map(() => [] as Times[]);
  for (let round = 0; round < rounds; round++) {
    for (const [index, [, command]] of contenders.entries()) results[index]!.push(...times(command));
  }
  for (const promptLength of promptLengths) {
    const rows = results.map((all) => all.filter((row) => row.promptLength === promptLength));
    const [base] = rows;
    for (const [index, [name]] of contenders.entries()) {
      const ratio = (member: 'prefillMs' | 'msPerToken'): string => {
        const pairs = rows[index]!.map((row, round) => row[member] / base![round]![member]);
        return `${median(rows[index]!.map((row) => row[member])).toFixed(2)} ms (${median(pairs).toFixed(2)})`;
      };
      const columns = [name.padEnd(16), `prompt ${promptLength}`.padEnd(12), ratio('prefillMs').padEnd(22)];
      console.log(`${columns.join(' ')} token: ${ratio('msPerToken')}`);
    }
  }
}

const [first, second] = process.argv.slice(2);
if (first === childFlag && second !== undefined) await runQuern(second);
else if (first !== undefined) compare(first);
else throw new Error('which model directory?');
