import { writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { QuernError } from '../../../src/errors.js';
import { logitError } from '../../../src/models/logit-error.js';
import { openModelDirectory } from '../../../src/models/model-directory.js';
import { openEngine } from '../../../src/ort/open-engine.js';
import { greedyToken } from '../../../src/runtime/decoder.js';
import type { DeviceFault } from '../../../src/runtime/device-faults.js';
import type { Device } from '../../../src/runtime/devices/device.js';
import { openPluginDevice } from '../../../src/runtime/devices/plugin/plugin-device.js';
import { type EagerModel, openEagerModel } from '../../../src/runtime/eager-model.js';
import { openWholeGraph } from '../../../src/runtime/whole-graph.js';
import { createModelFixtures } from '../model-fixtures.js';
import { floatSource, multiply, pseudoRandom, qlinearSource, randomCodes } from '../operator-fixtures.js';

const example = join(import.meta.dirname, '../../../docs/examples/my-device.mjs');
const directory = await mkdtemp(join(tmpdir(), 'quern-test-'));
const fixtures = await createModelFixtures(1);
const engine = await openEngine({ threads: 2 });
test.after(async () => {
  engine.close();
  await fixtures.remove();
  await rm(directory, { recursive: true, force: true });
});

let drivers = 0;

/** The example with some of its functions replaced, as a module of its own. */
function driverWith(replacement: string): string {
  const path = join(directory, `driver-${drivers++}.mjs`);
  writeFileSync(
    path,
    `import example from ${JSON.stringify(example)};\nlet calls = 0;\nexport default {...example, ${replacement}};\n`,
  );
  return path;
}

const prompt = [2, 100, 200, 300, 17];

function decode(model: Pick<EagerModel, 'reset' | 'forward'>): { readonly ids: number[]; readonly last: Float32Array } {
  model.reset();
  let logits = model.forward(prompt);
  const ids: number[] = [];
  for (let token = 0; token < 5; token++) {
    ids.push(greedyToken(logits));
    logits = model.forward([ids.at(-1)!]);
  }
  return { ids, last: logits.slice() };
}

const whole = openWholeGraph(engine, openModelDirectory(fixtures.float));
const expected = decode(whole);
whole.close();

interface Outcome {
  readonly ids: number[];
  readonly error: number;
  readonly faults: readonly DeviceFault[];
  readonly offloaded: number;
  readonly coverage: number;
}

function runModel(device: Device, strict = false): Outcome {
  const opened = openModelDirectory(fixtures.float);
  const options = { engine, opened, devices: [device], granularity: 'island' as const, capacity: 16, strict };
  try {
    const model = openEagerModel(options);
    try {
      const { ids, last } = decode(model);
      const { faults, placement } = model;
      const { offloaded, npuCoverage } = placement;
      return { ids, error: logitError(expected.last, last), faults, offloaded: offloaded.size, coverage: npuCoverage };
    } finally {
      model.close();
    }
  } finally {
    device.close();
  }
}

async function failureOf(action: () => unknown): Promise<string> {
  try {
    await action();
  } catch (error) {
    assert.instance(error, QuernError);
    return (error as QuernError).message;
  }
  throw new Error('it should have failed');
}

test('the example of the documentation runs the linear layers of a model', async () => {
  const device = await openPluginDevice({ path: example });
  assert.is(device.name, 'plugin:my-device');
  assert.match(device.capabilities().description, /^an example/);
  const { ids, error, faults, offloaded, coverage } = runModel(device);
  assert.equal(ids, expected.ids);
  assert.ok(error < 1e-4);
  assert.equal([faults.length, offloaded, coverage], [0, 7, 1]);
});

test('what a driver refuses stays on the CPU, for the reason it gives', async () => {
  const device = await openPluginDevice({ path: example });
  const { operator } = qlinearSource(engine, randomCodes(16), 4, 1, 8);
  assert.equal(device.supports(operator), { ok: false, reason: 'this device has no int8 weights' });
  assert.match(
    (device.supports({ ...operator, operatorType: 'MatMulInteger' }) as { reason: string }).reason,
    /integers/,
  );
  assert.not(device.supports({ ...operator, constantWeights: false }).ok);
  device.close();
});

test('quantized weights arrive as they are', async () => {
  const path = driverWith(`supports: () => true,
    prepare: (operator, weights) => ({ n: operator.n, weights }),
    run: ({ n, weights }, { output }) => output.set(Array.from({ length: n }, (_, i) => weights.codes[i] * weights.scales[0]))`);
  const device = await openPluginDevice({ path });
  const codes = randomCodes(4 * 3);
  const prepared = device.prepare(qlinearSource(engine, codes, 4, 0.5, 8));
  assert.equal(
    [...multiply(prepared, pseudoRandom(4), 1)],
    [...codes.subarray(0, 3)].map((code) => code * 0.5),
  );
  prepared.release();
  device.close();
});

test('drivers may be asynchronous, and return a result instead of writing it', async () => {
  const path = driverWith(`run: async (prepared, dispatch) => {
    await new Promise((resolve) => setImmediate(resolve));
    const output = new Float32Array(dispatch.output.length);
    await example.run(prepared, { ...dispatch, output });
    return output;
  }`);
  const { ids, faults } = runModel(await openPluginDevice({ path }));
  assert.equal([ids, faults.length], [expected.ids, 0]);
});

const faulty: {
  readonly [what: string]: { readonly driver: string; readonly message: RegExp; readonly timeoutMs?: number };
} = {
  'throws at its 20th dispatch': {
    driver: `run(...call) { if (++calls === 20) throw new Error('bus error'); return example.run(...call); }`,
    message: /^bus error$/,
  },
  rejects: { driver: `run: async () => { throw new Error('no power'); }`, message: /^no power$/ },
  'never ends its 20th dispatch': {
    driver: 'run(...call) { while (++calls >= 20); return example.run(...call); }',
    message: /did not answer within 800 ms/,
    timeoutMs: 800,
  },
  'never resolves its 20th dispatch': {
    driver: 'run(...call) { if (++calls >= 20) return new Promise(() => {}); return example.run(...call); }',
    message: /did not answer within 800 ms/,
    timeoutMs: 800,
  },
  'ends its thread': {
    driver: 'run(...call) { if (++calls === 20) process.exit(3); return example.run(...call); }',
    message: /its thread ended/,
    timeoutMs: 2000,
  },
  'returns too much': {
    driver: `run: (_, { output }) => new Float32Array(output.length + 1)`,
    message: /its result has \d+ numbers, not \d+ x \d+/,
  },
  'returns too little': { driver: `run: () => new Float32Array(0)`, message: /its result has 0 numbers/ },
  'returns something else': { driver: `run: () => 'done'`, message: /its result is not a Float32Array/ },
  'writes only a part': { driver: 'run(_, { output }) { output[0] = 1; }', message: /not finite, or is not complete/ },
  'takes no weights': { driver: `prepare() { throw new Error('out of memory'); }`, message: /^out of memory$/ },
};

for (const [what, { driver, message, timeoutMs = 30_000 }] of Object.entries(faulty)) {
  test(`a device that ${what}: the CPU goes on with the right result, and the report says so`, async () => {
    const device = await openPluginDevice({ path: driverWith(driver), timeoutMs });
    const { ids, error, faults, offloaded, coverage } = runModel(device);
    assert.equal(ids, expected.ids);
    assert.ok(error < 1e-4);
    assert.ok(faults.length > 0 && offloaded === 7 - faults.length && coverage < 1);
    const [first] = faults;
    assert.match(first!.message, message);
    assert.match(first!.operator, /fc1|_proj|fc2|lm_head/);
    assert.is(first!.during, what === 'takes no weights' ? 'prepare' : 'run');
  });

  test(`a device that ${what}: with \`strict\` the run fails`, async () => {
    const device = await openPluginDevice({ path: driverWith(driver), timeoutMs });
    const text = await failureOf(() => runModel(device, true));
    assert.match(text, /^plugin:driver-\d+ failed at [\w.]+: /);
    assert.match(text.replace(/^.*?: /, ''), message);
  });
}

test('after a driver was stopped, everything it had goes to the CPU', async () => {
  const { driver } = faulty['never ends its 20th dispatch']!;
  const { offloaded, faults, coverage } = runModel(
    await openPluginDevice({ path: driverWith(driver), timeoutMs: 800 }),
  );
  assert.equal([offloaded, faults.length, coverage], [0, 7, 0]);
});

test('modules that are no drivers are refused with what is wrong', async () => {
  const moduleOf = (text: string): string => {
    const path = join(directory, `driver-${drivers++}.mjs`);
    writeFileSync(path, text);
    return path;
  };
  const messageOf = (path: string): Promise<string> => failureOf(() => openPluginDevice({ path }));
  assert.match(await messageOf(join(directory, 'missing.mjs')), /plugin:missing can't be used: .*Cannot find module/);
  assert.match(await messageOf(moduleOf('export default 3;')), /has no function supports/);
  assert.match(await messageOf(moduleOf('export const run = 1;')), /has no function supports/);
  assert.match(await messageOf(moduleOf('export default { supports() {}, prepare() {} };')), /has no function run/);
  assert.match(await messageOf(moduleOf('export default {')), /can't be used: .*Unexpected/);
  assert.match(await messageOf(moduleOf("throw new Error('no such device');")), /no such device/);
});

test('a driver that does not say why it refuses', async () => {
  const device = await openPluginDevice({ path: driverWith('supports: () => undefined') });
  const support = device.supports(floatSource(engine, pseudoRandom(8), 4).operator);
  assert.equal(support, { ok: false, reason: 'the driver does not say why' });
  device.close();
});

test('a driver that fails when it is asked takes nothing, which is a fault as others are', async () => {
  const path = driverWith(`supports() { throw new Error('asleep'); }`);
  const { ids, faults, offloaded } = runModel(await openPluginDevice({ path }));
  assert.equal([ids, faults.length, offloaded], [expected.ids, 7, 0]);
  assert.equal([faults[0]?.during, faults[0]?.message], ['ask', 'asleep']);
  const device = await openPluginDevice({ path });
  assert.match(await failureOf(() => runModel(device, true)), /failed at [\w.]+: asleep/);
});

test.run();
