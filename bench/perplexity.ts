/**
 * How many tokens a second perplexity reads, in one run: the graph engine and the eager engine of quern, losses included,
 * and ONNX Runtime in Python on an optimum export of the same model, model alone. Contenders run in processes of their own and
 * take turns; the fastest window of all rounds counts, with ratios of tokens a second to the first peer.
 *
 *     npm run build && [THREADS=2] [SPIN=1] [CLOCK=wall|processor] [ROUNDS=3] [LENGTH=1024] QUERN_PEERS_PYTHON=venv/bin/python \
 *       node --import tsx bench/perplexity.ts MODEL [OPTIMUM_MODEL_ONNX ...]
 *
 * MODEL is a checkpoint or a shape (bench/build-forms.ts), measured as float, int8 and int4. The peer runs what quern exports with
 * `layout: optimum`, and the graphs that are named: an export made with optimum itself has its attention in single operators,
 * and is slower. Losses of the same window are printed; those of the float models have to agree.
 */
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { openModelDirectory } from '../src/models/model-directory.js';
import { openEngine } from '../src/ort/open-engine.js';
import { benchmarkPrompt } from '../src/runtime/benchmark.js';
import { deviceNamed } from '../src/runtime/devices/registry.js';
import { openEagerModel } from '../src/runtime/eager-model.js';
import { EagerEvaluator } from '../src/stages/evaluate/eager-evaluator.js';
import { GraphEvaluator } from '../src/stages/evaluate/graph-evaluator.js';
import { buildForms, formStages } from './build-forms.js';

const length = Number(process.env.LENGTH ?? 1024);
const rounds = Number(process.env.ROUNDS ?? 3);
const windows = 3;
const childFlag = '--as-contender';

interface Measured {
  readonly windowMs: readonly number[];
  readonly loss: number;
}

/** Milliseconds of the clock that was asked for. */
function now(): number {
  const { user, system } = process.cpuUsage();
  return process.env.CLOCK === 'processor' ? (user + system) / 1000 : performance.now();
}

/** One of quern's engines. The first window does not count. */
async function runQuern(name: string, directory: string): Promise<Measured> {
  const engine = await openEngine({ threads: Number(process.env.THREADS ?? 2), spin: process.env.SPIN === '1' });
  const opened = openModelDirectory(directory);
  const { vocabularySize } = opened.info;
  const devices = [deviceNamed('cpu')];
  const evaluator =
    name === 'graph'
      ? new GraphEvaluator(engine, opened, { keepLogits: false })
      : new EagerEvaluator(
          engine,
          openEagerModel({ engine, opened, devices, granularity: 'island', capacity: length }),
          { vocabularySize, keepLogits: false },
        );
  evaluator.begin(Array<Int32Array>(windows + 1).fill(benchmarkPrompt(length, vocabularySize)));
  const windowMs: number[] = [];
  let loss = 0;
  for (let window = 0; window <= windows; window++) {
    const start = now();
    loss = evaluator.evaluate(window).loss;
    windowMs.push(now() - start);
  }
  engine.close();
  return { windowMs: windowMs.slice(1), loss };
}

interface Contender {
  readonly name: string;
  readonly command: readonly string[];
}

function compare(form: string, contenders: readonly Contender[]): void {
  const results = contenders.map(() => [] as Measured[]);
  for (let round = 0; round < rounds; round++) {
    for (const [index, { command }] of contenders.entries()) {
      const [file = '', ...rest] = command;
      const output = execFileSync(file, rest, { encoding: 'utf8' });
      results[index]!.push(JSON.parse(output.trim().split('\n').at(-1)!) as Measured);
    }
  }
  const speeds = results.map((all) => (1000 * length) / Math.min(...all.flatMap(({ windowMs }) => windowMs)));
  const [base, engine] = [speeds.at(2), speeds[0]!];
  for (const [index, { name }] of contenders.entries()) {
    const speed = speeds[index]!;
    const ratios = [
      `${(speed / engine).toFixed(2)} x graph`,
      ...(base === undefined ? [] : [`${(speed / base).toFixed(2)} x peer`]),
    ];
    const columns = [form.padEnd(6), name.padEnd(32), `${speed.toFixed(1)} tokens/s`.padEnd(18), ratios.join(', ')];
    console.log(`${columns.join(' ')}  loss ${results[index]![0]!.loss.toFixed(5)}`);
  }
}

function run(source: string, graphs: readonly string[]): void {
  const python = process.env.QUERN_PEERS_PYTHON;
  const exported = (model: string): object => ({ kind: 'export', model, layout: 'optimum' });
  const exports = Object.fromEntries(Object.keys(formStages).map((form) => [`${form}-optimum`, exported(form)]));
  const forms = buildForms(source, { ...formStages, ...exports });
  try {
    for (const form of Object.keys(formStages)) {
      const ours = (name: string): Contender => ({
        name: `quern, ${name}`,
        command: [process.execPath, ...process.execArgv, import.meta.filename, childFlag, name, forms.pathOf(form)],
      });
      const peer = (name: string, path: string, interpreter: string): Contender => ({
        name,
        command: [interpreter, join(import.meta.dirname, 'peers/windows.py'), path, String(length), String(windows)],
      });
      const named = form === 'float' ? graphs : [];
      const peers =
        python === undefined
          ? []
          : [
              ...named.map((path) => peer(`ORT, ${path}`, path, python)),
              peer('ORT, layout: optimum', join(forms.pathOf(`${form}-optimum`), 'model.onnx'), python),
            ];
      compare(form, [ours('graph'), ours('eager'), ...peers]);
    }
  } finally {
    forms.remove();
  }
}

const [first, ...rest] = process.argv.slice(2);
if (first === undefined) throw new Error('give a model');
if (first === childFlag) console.log(JSON.stringify(await runQuern(rest[0] ?? '', rest[1] ?? '')));
else run(first, rest);
