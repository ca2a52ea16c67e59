/**
 * Memory of a model that reads a prompt and generates: the peak against 1.25 times the weights, the caches and 300 MiB, and
 * how much the process grows while the same tokens are generated once more. The first time fills the caches, whose memory is
 * taken when it is touched. What counts is memory of the process alone, without garbage: pages of the weights come and go as
 * the system likes. Linux only.
 *
 *     node --import tsx bench/memory.ts <model directory> [tokens of the prompt] [new tokens]
 */
import { readFileSync } from 'node:fs';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { openModelDirectory } from '../src/models/model-directory.js';
import { openEngine } from '../src/ort/open-engine.js';
import { benchmarkPrompt } from '../src/runtime/benchmark.js';
import { greedyToken } from '../src/runtime/decoder.js';
import { deviceNamed } from '../src/runtime/devices/registry.js';
import { openEagerModel } from '../src/runtime/eager-model.js';

const [directory = '', promptLength = 1024, newTokens = 2000] = process.argv
  .slice(2)
  .map((text, index) => (index === 0 ? text : Number(text))) as [string?, number?, number?];
const mebibyte = 2 ** 20;

setFlagsFromString('--expose-gc');
const collectGarbage: () => void = runInNewContext('gc');

/** Of this process, in MiB. */
function memory(field: 'VmHWM' | 'RssAnon'): number {
  const line = readFileSync('/proc/self/status', 'utf8').match(new RegExp(`${field}:\\s+(\\d+) kB`));
  return Number(line?.[1]) / 1024;
}

const engine = await openEngine({ threads: 2 });
const opened = openModelDirectory(directory);
const initializers = [...opened.model.graph.initializers.values()];
const weightsMib = initializers.reduce((sum, { initializer }) => sum + (initializer?.byteLength ?? 0), 0) / mebibyte;
const { layers, keyValueHeads, headSize, vocabularySize } = opened.info;
const capacity = promptLength + newTokens;
const cachesMib = (layers * 2 * keyValueHeads * headSize * 4 * capacity) / mebibyte;
const model = openEagerModel({ engine, opened, devices: [deviceNamed('cpu')], granularity: 'island', capacity });
const first = greedyToken(model.forward(benchmarkPrompt(promptLength, vocabularySize)));

function generate(): void {
  model.truncate(promptLength);
  let next = first;
  for (let token = 1; token <= newTokens; token++) next = greedyToken(model.forward([next]));
}

/** Its own memory in MiB, once it has no garbage. The heap shrinks only when nothing was found several times. */
function ownMemory(): number {
  for (let time = 0; time < 5; time++) collectGarbage();
  return memory('RssAnon');
}

generate();
const settledMib = ownMemory();
generate();
const grownMib = ownMemory() - settledMib;
const limitMib = 1.25 * weightsMib + cachesMib + 300;
console.log(
  `weights ${weightsMib.toFixed(0)} MiB, caches ${cachesMib.toFixed(0)} MiB, limit ${limitMib.toFixed(0)} MiB`,
);
console.log(`peak ${memory('VmHWM').toFixed(0)} MiB (${(memory('VmHWM') / limitMib).toFixed(2)} of the limit)`);
console.log(
  `grown by ${grownMib.toFixed(1)} MiB of ${settledMib.toFixed(0)} (${((grownMib / settledMib) * 100).toFixed(2)}%) over ${newTokens} tokens`,
);
model.close();
engine.close();
