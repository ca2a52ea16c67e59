import { spawn } from 'node:child_process';
import { mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { withTemporaryDirectory } from '../support/temporary.js';

const root = join(import.meta.dirname, '../..');
const prelude = `
  import { readdirSync } from 'node:fs';
  import { Worker } from 'node:worker_threads';
  import { openEngine, openEngineWithReason } from './src/ort/open-engine.ts';
  import { floats, matMul } from './test/ort/models.ts';
  const messageOf = async (call) => { try { await call(); return 'no error'; } catch (error) { return error.message; } };
`;

interface Environment {
  readonly [name: string]: string | undefined;
}

/** Runs a script in a process of its own, which starts ONNX Runtime afresh, and returns the JSON it prints. */
function inProcess(script: string, environment: Environment = {}): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const options = ['--import', 'tsx', '--input-type=module', '--eval', `${prelude}\n${script}`];
    const child = spawn(process.execPath, options, { cwd: root, env: { ...process.env, ...environment } });
    let output = '';
    let problems = '';
    child.stdout.on('data', (data) => {
      output += data;
    });
    child.stderr.on('data', (data) => {
      problems += data;
    });
    child.on('close', (code) => {
      if (code === 0 && problems === '') resolve(JSON.parse(output));
      else reject(new Error(`exit code ${code}: ${problems}`));
    });
  });
}

for (const implementation of ['c-api', 'binding']) {
  test(`${implementation}: nothing is written into the cache directory of the user`, async () => {
    await withTemporaryDirectory(async (directory) => {
      const cache = join(directory, 'cache');
      await mkdir(cache);
      const script = `
        const engine = await openEngine({ threads: 1, implementation: '${implementation}' });
        const { y } = engine.openSession({ bytes: matMul }).run({ x: floats([1, 3], [1, 1, 1]) });
        engine.close();
        console.log(JSON.stringify([engine.name, [...y.data], process.env.ORT_DISABLE_TELEMETRY]));
      `;
      const environment = { XDG_CACHE_HOME: cache, HOME: directory, ORT_DISABLE_TELEMETRY: undefined };
      assert.equal(await inProcess(script, environment), [implementation, [9, 12], '1']);
      assert.equal(await readdir(cache), []);
      assert.equal(await readdir(directory), ['cache']);
    });
  });
}

test('someone who wants telemetry keeps it', async () => {
  const script = `
    import { disableTelemetry } from './src/ort/telemetry.ts';
    disableTelemetry();
    console.log(JSON.stringify(process.env.ORT_DISABLE_TELEMETRY));
  `;
  assert.is(await inProcess(script, { ORT_DISABLE_TELEMETRY: '0' }), '0');
  assert.is(await inProcess(script, { ORT_DISABLE_TELEMETRY: '' }), '1');
});

test('a worker thread has to be started with telemetry off', async () => {
  const script = `
    const code = \`
      import { parentPort } from 'node:worker_threads';
      import { register } from 'tsx/esm/api';
      register();
      const { openEngine } = await import('./src/ort/open-engine.ts');
      const { floats, matMul } = await import('./test/ort/models.ts');
      try {
        const engine = await openEngine({ threads: 1 });
        const { y } = engine.openSession({ bytes: matMul }).run({ x: floats([1, 3], [1, 1, 1]) });
        engine.close();
        parentPort.postMessage([engine.name, ...y.data]);
      } catch (error) {
        parentPort.postMessage(error.message);
      }
    \`;
    const inWorker = () => new Promise((resolve, reject) => {
      const worker = new Worker(code, { eval: true });
      worker.on('message', resolve);
      worker.on('error', reject);
    });
    const before = await inWorker();
    process.env.ORT_DISABLE_TELEMETRY = '1';
    console.log(JSON.stringify([before, await inWorker()]));
  `;
  assert.equal(await inProcess(script, { ORT_DISABLE_TELEMETRY: undefined }), [
    'ORT_DISABLE_TELEMETRY has to be set before a worker thread that runs models is started',
    ['c-api', 9, 12],
  ]);
});

test('the C API is chosen, and engines of a process share its threads', async () => {
  const script = `
    const first = await openEngineWithReason({ threads: 3 });
    const second = await openEngine({ threads: 3 });
    const message = await messageOf(() => openEngine({ threads: 2 }));
    first.engine.close();
    const { y } = second.openSession({ bytes: matMul }).run({ x: floats([1, 3], [1, 1, 1]) });
    second.close();
    console.log(JSON.stringify([first.engine.name, first.fallbackReason ?? null, message, [...y.data]]));
  `;
  assert.equal(await inProcess(script), [
    'c-api',
    null,
    'ONNX Runtime is open with 3 threads in this process: close that engine before opening another kind',
    [9, 12],
  ]);
});

test('closing the last engine ends its threads, and another number can be had', async () => {
  if (process.platform !== 'linux') {
    console.log('SKIP counting threads: only where /proc lists them');
    return;
  }
  const script = `
    const threads = () => readdirSync('/proc/self/task').length;
    const idle = threads();
    const counts = [];
    for (const wanted of [4, 1, 2]) {
      const engine = await openEngine({ threads: wanted, implementation: 'c-api' });
      engine.openSession({ bytes: matMul }).run({ x: floats([1, 3], [1, 1, 1]) });
      counts.push(threads() - idle);
      engine.close();
      counts.push(threads() - idle);
    }
    console.log(JSON.stringify(counts));
  `;
  assert.equal(await inProcess(script), [3, 0, 0, 0, 1, 0]);
});

test('after the addon has started ONNX Runtime, only the addon can be had', async () => {
  const script = `
    const binding = await openEngine({ threads: 1, implementation: 'binding' });
    const message = await messageOf(() => openEngine({ threads: 1, implementation: 'c-api' }));
    const { engine, fallbackReason } = await openEngineWithReason({ threads: 1 });
    console.log(JSON.stringify([message, engine.name, fallbackReason.message]));
  `;
  const message = 'the addon has started ONNX Runtime in this process already';
  assert.equal(await inProcess(script), [message, 'binding', message]);
});

test('the library stays loaded while nothing but an engine refers to it', async () => {
  const script = `
    import { setFlagsFromString } from 'node:v8';
    import { runInNewContext } from 'node:vm';
    setFlagsFromString('--expose-gc');
    const collectGarbage = runInNewContext('gc');
    const session = (await openEngine({ threads: 1, implementation: 'c-api' })).openSession({ bytes: matMul });
    const sums = [];
    for (let round = 0; round < 3; round++) {
      collectGarbage();
      await new Promise((resolve) => setImmediate(resolve));
      sums.push(session.run({ x: floats([1, 3], [1, 1, 1]) }).y.data[0]);
    }
    console.log(JSON.stringify(sums));
  `;
  assert.equal(await inProcess(script), [9, 9, 9]);
});

test('where the C API can not be reached the addon is used, and the reason is told', async () => {
  const script = `
    import { register } from 'node:module';
    register('data:text/javascript,' + encodeURIComponent(\`
      export const resolve = (name, context, next) => {
        if (name === 'koffi') throw new Error('no such package');
        return next(name, context);
      };
    \`));
    const message = await messageOf(() => openEngine({ threads: 1, implementation: 'c-api' }));
    const { engine, fallbackReason } = await openEngineWithReason({ threads: 1 });
    console.log(JSON.stringify([message, engine.name, fallbackReason.message, fallbackReason.cause.message]));
  `;
  const message = 'the foreign function package koffi does not load on this machine';
  assert.equal(await inProcess(script), [message, 'binding', message, 'no such package']);
});

test('a failed run prints nothing', async () => {
  const script = `
    const messages = [];
    for (const implementation of ['c-api', 'binding']) {
      const engine = await openEngine({ threads: 1, implementation });
      const session = engine.openSession({ bytes: matMul });
      messages.push(await messageOf(() => session.run({ x: floats([1, 1], [1]) })));
      messages.push(await messageOf(() => engine.openSession({ bytes: new Uint8Array(9) })));
    }
    console.log(JSON.stringify(messages.length));
  `;
  assert.is(await inProcess(script), 4);
});

test('a number of threads has to be one', async () => {
  const script = `
    const messages = [];
    for (const threads of [0, 1.5, NaN]) messages.push(await messageOf(() => openEngine({ threads })));
    console.log(JSON.stringify(messages));
  `;
  assert.equal(
    await inProcess(script),
    ['0', '1.5', 'NaN'].map((threads) => `${threads} is not a number of threads`),
  );
});

test.run();
