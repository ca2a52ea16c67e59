/**
 * What running a model unit by unit costs: ms for a token and a prompt against the whole graph with caches that grow in
 * place (IoBinding), in one run. Contenders take turns; the smallest of the rounds and its ratio are printed, because other
 * work on the machine only ever adds. There are two forms of the whole graph: one session, bound again for each token because
 * the mask grows, and `island` on the CPU, which has the lengths in a session of their own. Ratios are to the faster one.
 *
 *     [THREADS=1] [SPIN=1] [CLOCK=processor|wall] [ROUNDS=15] node --import tsx bench/decode.ts [prompt length] [MODEL ...]
 *
 * MODEL is a directory that quern has written. It may also be a checkpoint, or a shape with made-up weights (`opt-1.3b`, or
 * `opt-1.3b:4` for its first four layers): these are built as float, int8 and int4, which needs `npm run build` before.
 * Without one it is opt-wren-4m, whose operators take microseconds: overheads show that larger models hide. Processor time
 * is comparable on one thread, and the default there; with more threads it is the time that passes, on an idle machine.
 */
import { realpathSync } from 'node:fs';
import { basename } from 'node:path';
import { fullMask, tokenTensor } from '../src/models/decoder-inputs.js';
import { openModelSession } from '../src/models/graph-session.js';
import { lowerAttention } from '../src/models/lower-attention.js';
import { openModelDirectory } from '../src/models/model-directory.js';
import type { Engine } from '../src/ort/engine.js';
import { openEngine } from '../src/ort/open-engine.js';
import { bytesOf, zeros } from '../src/ort/tensor-data.js';
import { benchmarkPrompt } from '../src/runtime/benchmark.js';
import { type Decoder, greedyToken } from '../src/runtime/decoder.js';
import type { DeviceName } from '../src/runtime/devices/names.js';
import { deviceNamed } from '../src/runtime/devices/registry.js';
import { openEagerModel } from '../src/runtime/eager-model.js';
import { allocateCaches, findCachePorts } from '../src/runtime/key-value-caches.js';
import type { Granularity } from '../src/runtime/partition.js';
import { createModelFixtures } from '../test/runtime/model-fixtures.js';
import { buildForms, formStages, isModelDirectory } from './build-forms.js';

const promptLength = Number(process.argv[2] ?? 128);
const newTokens = 64;
const threads = Number(process.env.THREADS ?? 1);
const clock = process.env.CLOCK ?? (threads === 1 ? 'processor' : 'wall');
const rounds = Number(process.env.ROUNDS ?? 15);
const capacity = promptLength + newTokens;

interface Contender {
  readonly name: string;
  readonly decoder: Pick<Decoder, 'forward' | 'reset' | 'close'>;
  readonly prefillMs: number[];
  readonly tokenMs: number[];
}

/** One session whose caches are bound in place. The mask grows, so it is bound again for each call. */
function openBoundGraph(engine: Engine, directory: string): Contender['decoder'] {
  const { model, info } = openModelDirectory(directory);
  lowerAttention(model);
  const ports = findCachePorts(model.graph);
  const caches = allocateCaches(ports, info, capacity);
  const session = openModelSession(engine, model, realpathSync(directory));
  let pastLength = 0;
  const named = (names: readonly string[]) => Object.fromEntries(names.map((name) => [name, caches.get(name)!]));
  const pasts = named(ports.map(({ past }) => past));
  const presents = named(ports.map(({ present }) => present));
  return {
    forward(ids) {
      const logits = zeros('float32', [1, ids.length, info.vocabularySize]);
      pastLength += ids.length;
      const inputs = { input_ids: tokenTensor(ids), attention_mask: fullMask(pastLength), ...pasts };
      const bound = session.bind(inputs, { logits, ...presents });
      bound.run();
      bound.release();
      return logits.data.subarray(logits.data.length - info.vocabularySize);
    },
    reset() {
      for (const { data } of caches.values()) bytesOf(data).fill(0);
      pastLength = 0;
    },
    close: () => session.release(),
  };
}

/** Milliseconds of the clock that was asked for. */
function now(): number {
  const { user, system } = process.cpuUsage();
  return clock === 'processor' ? (user + system) / 1000 : performance.now();
}

function measure({ decoder, prefillMs, tokenMs }: Contender, prompt: Int32Array): void {
  decoder.reset();
  const start = now();
  let next = greedyToken(decoder.forward(prompt));
  const prefilled = now();
  prefillMs.push(prefilled - start);
  for (let token = 1; token < newTokens; token++) next = greedyToken(decoder.forward([next]));
  tokenMs.push((now() - prefilled) / (newTokens - 1));
}

const engine = await openEngine({ threads, spin: process.env.SPIN === '1' });
const eager = (directory: string, device: DeviceName, granularity: Granularity): Contender['decoder'] => {
  const opened = openModelDirectory(directory);
  return openEagerModel({ engine, opened, devices: [deviceNamed(device)], granularity, capacity });
};

function compare(name: string, directory: string, withNpu: boolean): void {
  const decoders: { readonly [name: string]: Contender['decoder'] } = {
    'one session': openBoundGraph(engine, directory),
    island: eager(directory, 'cpu', 'island'),
    op: eager(directory, 'cpu', 'op'),
    ...(withNpu ? { 'island, npu:stx': eager(directory, 'npu:stx', 'island') } : {}),
  };
  const contenders = Object.entries(decoders).map(([name, decoder]) => ({
    name,
    decoder,
    prefillMs: [] as number[],
    tokenMs: [] as number[],
  }));
  const { vocabularySize } = openModelDirectory(directory).info;
  const prompt = benchmarkPrompt(promptLength, vocabularySize);
  for (let round = 0; round < rounds; round++) for (const contender of contenders) measure(contender, prompt);
  const [session, island] = contenders;
  const basePrefill = Math.min(...session!.prefillMs, ...island!.prefillMs);
  const baseToken = Math.min(...session!.tokenMs, ...island!.tokenMs);
  for (const { name: contender, decoder, prefillMs, tokenMs } of contenders) {
    const [prefill, token] = [Math.min(...prefillMs), Math.min(...tokenMs)];
    const columns = [
      name.padEnd(9),
      contender.padEnd(16),
      `prefill ${promptLength}: ${prefill.toFixed(2)} ms (${(prefill / basePrefill).toFixed(2)})`.padEnd(32),
      `token: ${token.toFixed(3)} ms (${(token / baseToken).toFixed(2)})`,
    ];
    console.log(columns.join(' '));
    decoder.close();
  }
}

const models = process.argv.slice(3);
for (const model of models) {
  if (isModelDirectory(model)) compare(basename(model), model, false);
  else compareForms(model);
}
if (models.length === 0) {
  const fixtures = await createModelFixtures(4);
  compare('float', fixtures.float, false);
  compare('w8a8', await fixtures.quantized('w8a8'), true);
  compare('w4-nbits', await fixtures.quantized('w4-nbits'), false);
  await fixtures.remove();
}
engine.close();

function compareForms(source: string): void {
  const forms = buildForms(source, formStages);
  try {
    for (const form of Object.keys(formStages)) compare(form, forms.pathOf(form), false);
  } finally {
    forms.remove();
  }
}
