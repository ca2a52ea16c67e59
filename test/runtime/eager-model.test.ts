import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { QuernError } from '../../src/errors.js';
import { logitError } from '../../src/models/logit-error.js';
import { openModelDirectory } from '../../src/models/model-directory.js';
import type { Engine } from '../../src/ort/engine.js';
import { openEngine } from '../../src/ort/open-engine.js';
import { type Decoder, greedyToken } from '../../src/runtime/decoder.js';
import type { DeviceName } from '../../src/runtime/devices/names.js';
import { deviceNamed } from '../../src/runtime/devices/registry.js';
import { type EagerModel, openEagerModel } from '../../src/runtime/eager-model.js';
import type { Granularity } from '../../src/runtime/partition.js';
import { openWholeGraph } from '../../src/runtime/whole-graph.js';
import { createModelFixtures } from './model-fixtures.js';

const fixtures = await createModelFixtures();
test.after(() => fixtures.remove());

// The C API has to be there before the addon.
const cApi = await openEngine({ threads: 2, implementation: 'c-api' });
const engines = [cApi, await openEngine({ threads: 2, implementation: 'binding' })];
test.after(() => {
  for (const engine of engines) engine.close();
});

const prompt = [2, 100, 200, 300, 17, 5, 900, 33];

interface Variant {
  readonly engine?: Engine;
  readonly directory?: string;
  readonly devices?: readonly DeviceName[];
  readonly granularity?: Granularity;
  readonly capacity?: number;
  readonly partLength?: number;
}

function open(variant: Variant = {}): EagerModel {
  const { engine = cApi, directory = fixtures.float, devices = ['cpu'] } = variant;
  const { granularity = 'island', capacity = 32, partLength } = variant;
  return openEagerModel({
    engine,
    opened: openModelDirectory(directory),
    devices: devices.map(deviceNamed),
    granularity,
    capacity,
    ...(partLength === undefined ? {} : { partLength }),
  });
}

/** Logits of a prompt and of the tokens that it is continued with. */
function decode(decoder: Decoder, newTokens = 6): { readonly ids: number[]; readonly logits: Float32Array[] } {
  decoder.reset();
  const logits = [decoder.forward(prompt).slice()];
  const ids: number[] = [];
  for (let token = 0; token < newTokens; token++) {
    const next = greedyToken(logits.at(-1)!);
    ids.push(next);
    logits.push(decoder.forward([next]).slice());
  }
  return { ids, logits };
}

function largestError(expected: readonly Float32Array[], actual: readonly Float32Array[]): number {
  assert.is(actual.length, expected.length);
  return Math.max(...expected.map((logits, index) => logitError(logits, actual[index]!)));
}

function expectError(action: () => void, pattern: RegExp): void {
  assert.throws(action, (error: unknown) => error instanceof QuernError && pattern.test(error.message));
}

test('operators one by one, islands and the whole graph give the same text and logits, in both engines', () => {
  const whole = openWholeGraph(cApi, openModelDirectory(fixtures.float));
  const expected = decode(whole);
  whole.close();
  assert.ok(new Set(expected.ids).size > 1);
  for (const engine of engines) {
    for (const granularity of ['op', 'island'] as const) {
      const model = open({ engine, granularity });
      // The first pass over a number of tokens takes another way than those after it.
      for (const repeat of [1, 2]) {
        const actual = decode(model);
        assert.equal(actual.ids, expected.ids, `${engine.name} ${granularity} ${repeat}`);
        assert.ok(largestError(expected.logits, actual.logits) < 1e-4);
      }
      model.close();
    }
  }
});

for (const scheme of ['w8a8', 'w8a8-channel', 'w8a8-ort', 'w8a8-ort-channel', 'w8a16'] as const) {
  test(`${scheme} on a simulated NPU gives the bits of the whole graph`, async () => {
    const directory = await fixtures.quantized(scheme);
    const whole = openWholeGraph(cApi, openModelDirectory(directory));
    const expected = decode(whole);
    whole.close();
    for (const granularity of ['op', 'island'] as const) {
      const model = open({ directory, devices: ['npu:stx', 'cpu'], granularity });
      assert.is(model.placement.offloaded.size, 12);
      const actual = decode(model);
      assert.equal(actual.ids, expected.ids);
      assert.is(largestError(expected.logits, actual.logits), 0);
      model.close();
    }
  });
}

test('w8a8-token runs on the CPU, which gives the bits of the whole graph', async () => {
  const directory = await fixtures.quantized('w8a8-token');
  const whole = openWholeGraph(cApi, openModelDirectory(directory));
  const expected = decode(whole);
  whole.close();
  for (const granularity of ['op', 'island'] as const) {
    const model = open({ directory, devices: ['npu:stx', 'cpu'], granularity });
    assert.is(model.placement.offloaded.size, 0);
    const actual = decode(model);
    assert.equal(actual.ids, expected.ids);
    assert.is(largestError(expected.logits, actual.logits), 0);
    model.close();
  }
});

test('group weights on a simulated NPU have bfloat16 operands: near to the whole graph, and the same either way', async () => {
  const directory = await fixtures.quantized('w4-nbits');
  const whole = openWholeGraph(cApi, openModelDirectory(directory));
  const expected = decode(whole);
  whole.close();
  const [op, island] = (['op', 'island'] as const).map((granularity) => {
    const model = open({ directory, devices: ['npu:stx', 'cpu'], granularity });
    assert.is(model.placement.offloaded.size, 12);
    const { logits } = decode(model);
    model.close();
    return logits;
  });
  const error = logitError(expected.logits[0]!, op![0]!);
  assert.ok(error > 0 && error < 0.05);
  assert.is(largestError(op!, island!), 0);
});

test('a prompt can be read in parts, by the model itself, too', () => {
  const model = open();
  const whole = model.forwardAll(prompt).slice();
  model.reset();
  const parts = [prompt.slice(0, 3), prompt.slice(3, 4), prompt.slice(4)].map((ids) => model.forwardAll(ids).slice());
  assert.is(model.pastLength, prompt.length);
  assert.ok(logitError(whole, Float32Array.from(parts.flatMap((part) => [...part]))) < 1e-5);
  const expected = decode(model);
  for (const partLength of [1, 3, 4, prompt.length]) {
    const inParts = open({ partLength });
    inParts.prepare(prompt.length);
    const actual = decode(inParts);
    assert.equal(actual.ids, expected.ids);
    assert.ok(largestError(expected.logits, actual.logits) < 1e-5, `${partLength}`);
    inParts.reset();
    const before = inParts.ledger.passes;
    inParts.forward(prompt);
    const sizes = inParts.passSizes(prompt.length);
    assert.is(sizes.length, inParts.ledger.passes - before);
    assert.ok(sizes.every((size) => size > 0 && size <= partLength));
    assert.is(
      sizes.reduce((sum, size) => sum + size),
      prompt.length,
    );
    inParts.close();
  }
  model.close();
});

test('a prompt is read in one pass where parts would change the scales of activations', async () => {
  for (const [scheme, partLength] of [
    ['w8a8', 32],
    ['w8a8-ort', 32],
    ['w4-nbits', 512],
  ] as const) {
    const model = open({ directory: await fixtures.quantized(scheme) });
    assert.is(model.partLength, partLength, scheme);
    model.close();
  }
});

test('forward gives the last row of all logits', () => {
  const model = open();
  const all = model.forwardAll(prompt).slice();
  model.reset();
  const last = model.forward(prompt);
  assert.equal([...last], [...all.subarray(all.length - last.length)]);
  assert.is(all.length, last.length * prompt.length);
  model.close();
});

test('after a reset nothing is left of what was read before', () => {
  const model = open();
  const first = model.forward(prompt).slice();
  model.forward([7]);
  model.reset();
  model.forward([9, 8, 7, 6, 5, 4, 3, 2, 1, 900, 901]);
  model.reset();
  assert.is(model.pastLength, 0);
  assert.equal([...model.forward(prompt)], [...first]);
  model.close();
});

test('the past has an effect', () => {
  const model = open();
  const alone = model.forward([50]).slice();
  model.reset();
  model.forward(prompt);
  assert.not.equal([...model.forward([50])], [...alone]);
  model.close();
});

test('preparing reads nothing', () => {
  const model = open();
  const expected = model.forward(prompt).slice();
  model.reset();
  const prepared = open();
  prepared.prepare(prompt.length);
  assert.is(prepared.pastLength, 0);
  assert.is(prepared.ledger.passes, 0);
  assert.equal([...prepared.forward(prompt)], [...expected]);
  for (const opened of [model, prepared]) opened.close();
});

test('passes over many numbers of tokens can come and go', () => {
  const model = open();
  const lengths = [3, 4, 5, 6, 7, 8, 3, 1, 8];
  const logitsOf = (length: number): number[] => {
    model.reset();
    return [...model.forward(prompt.slice(0, length))];
  };
  const first = new Map(lengths.map((length) => [length, logitsOf(length)]));
  for (const length of lengths) assert.equal(logitsOf(length), first.get(length));
  model.close();
});

test('the cache can be filled to its end, and not beyond it', () => {
  const model = open({ capacity: prompt.length + 1 });
  model.forward(prompt);
  model.forward([5]);
  expectError(() => model.forward([5]), /the cache holds 9 tokens, 10 are asked for/);
  assert.is(model.pastLength, 9);
  model.reset();
  model.forward(prompt);
  model.close();
});

test('a cache that is larger than needed changes nothing', () => {
  const [small, large] = [open({ capacity: 14 }), open({ capacity: 100 })];
  assert.is(largestError(decode(small).logits, decode(large).logits), 0);
  for (const model of [small, large]) model.close();
});

test('more positions than the model has, and tokens it does not know, are refused', () => {
  expectError(() => open({ capacity: 513 }), /the model has 512 positions, 513 are asked for/);
  const model = open();
  for (const id of [4096, -1, 1.5, Number.NaN]) {
    expectError(() => model.forward([1, id]), /is not one of the 4096 of the model/);
  }
  assert.is(model.pastLength, 0);
  model.close();
});

test('modelled work of the NPU adds up with each pass', async () => {
  const model = open({ directory: await fixtures.quantized('w8a8'), devices: ['npu:hpt'] });
  model.forward(prompt);
  const prefillUs = model.ledger.timeUs;
  model.forward([5]);
  const tokenUs = model.ledger.timeUs - prefillUs;
  model.forward([6]);
  assert.is(model.ledger.passes, 3);
  assert.ok(tokenUs > 0 && prefillUs > tokenUs);
  assert.ok(Math.abs(model.ledger.timeUs - prefillUs - 2 * tokenUs) < 1e-6);
  assert.is(model.ledger.dispatches, 3 * 12);
  model.close();
});

test('there are as few sessions as offloaded operators allow', async () => {
  const directory = await fixtures.quantized('w8a8');
  const cpu = open();
  assert.is(cpu.unitCount, 3);
  const npu = open({ directory, devices: ['npu:stx'] });
  // One for lengths, 12 offloaded, and islands round q/k/v, out_proj, fc1 and fc2 of two layers.
  assert.is(npu.unitCount, 1 + 12 + 9);
  const single = open({ directory, granularity: 'op' });
  assert.ok(single.unitCount > npu.unitCount);
  for (const model of [cpu, npu, single]) model.close();
});

test('a closed model does not run', () => {
  const model = open();
  model.forward(prompt);
  model.close();
  model.close();
  assert.throws(() => model.forward(prompt), 'the model is closed');
});

test('a decoder that is cut back goes on as if it had never read what was cut off', () => {
  const decoders = (): Decoder[] => [
    ...engines.map((engine) => open({ engine })),
    openWholeGraph(cApi, openModelDirectory(fixtures.float)),
  ];
  for (const decoder of decoders()) {
    decoder.forward(prompt);
    const expected = decoder.forward([7]).slice();
    decoder.forward([8, 9, 10]);
    decoder.truncate(prompt.length);
    assert.is(decoder.pastLength, prompt.length);
    assert.is(logitError(expected, decoder.forward([7])), 0);
    assert.throws(() => decoder.truncate(prompt.length + 2), /9 tokens can't be cut to 10/);
    assert.throws(() => decoder.truncate(-1));
    decoder.close();
  }
});

test.run();
