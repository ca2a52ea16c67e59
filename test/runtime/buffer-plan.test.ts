import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { planBuffers, type ValueLifetime } from '../../src/runtime/buffer-plan.js';

function value(name: string, sizeBytes: number, writtenAt: number, lastReadAt: number): ValueLifetime {
  return { name, sizeBytes, writtenAt, lastReadAt };
}

const lifetimes = fc
  .array(fc.record({ sizeBytes: fc.nat(100), writtenAt: fc.nat(20), life: fc.nat(6) }), { maxLength: 30 })
  .map((made) =>
    made
      .sort((a, b) => a.writtenAt - b.writtenAt)
      .map(({ sizeBytes, writtenAt, life }, index) => value(`v${index}`, sizeBytes, writtenAt, writtenAt + life)),
  );

test('values that are needed at the same time never share a buffer, and each fits into its own', () => {
  fc.assert(
    fc.property(lifetimes, (values) => {
      const { sizesBytes, bufferOf } = planBuffers(values);
      for (const [index, a] of values.entries()) {
        const buffer = bufferOf.get(a.name)!;
        assert.ok(sizesBytes[buffer]! >= a.sizeBytes);
        for (const b of values.slice(index + 1)) {
          const overlap = a.writtenAt <= b.lastReadAt && b.writtenAt <= a.lastReadAt;
          if (overlap) assert.is.not(bufferOf.get(b.name), buffer);
        }
      }
    }),
  );
});

test('a chain of values needs two buffers', () => {
  const chain = [0, 1, 2, 3, 4].map((place) => value(`v${place}`, 10 + place, place, place + 1));
  assert.equal(planBuffers(chain).sizesBytes, [14, 13]);
});

test('the smallest buffer that is large enough is taken', () => {
  const { bufferOf, sizesBytes } = planBuffers([
    value('large', 100, 0, 1),
    value('medium', 50, 0, 1),
    value('later', 40, 2, 3),
  ]);
  assert.is(bufferOf.get('later'), bufferOf.get('medium'));
  assert.equal(sizesBytes, [100, 50]);
});

test('what is read after the last unit keeps its buffer', () => {
  const { bufferOf } = planBuffers([value('logits', 10, 0, Number.POSITIVE_INFINITY), value('other', 10, 5, 6)]);
  assert.is.not(bufferOf.get('logits'), bufferOf.get('other'));
});

test.run();
