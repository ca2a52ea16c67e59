import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { PromptCache } from '../../src/runtime/prompt-cache.js';
import { FakeDecoder } from './fake-decoder.js';

/** Remembers what is in its cache, so that wrong reuse shows in the logits. */
class RememberingDecoder extends FakeDecoder {
  #ids: number[] = [];

  constructor() {
    super((id, position) => {
      this.#ids.length = position;
      this.#ids.push(id);
      return [this.#ids.reduce((sum, known, place) => (sum * 31 + known + place) % 65_521, 7)];
    });
  }
}

test('a text that begins like the one before is read from where they differ', () => {
  const inner = new FakeDecoder((id) => [id]);
  const cache = new PromptCache(inner);
  cache.forward([1, 2, 3, 4]);
  cache.forward([5]);
  cache.reset();
  assert.is(cache.pastLength, 0);
  assert.equal([...cache.forward([1, 2, 3, 9, 8])], [8]);
  assert.is(cache.pastLength, 5);
  cache.reset();
  cache.forward([1, 2, 3]);
  assert.equal(inner.calls, [4, 1, 2, 1]);
});

test('whatever is read, cut and reset, logits are those of a decoder without a cache', () => {
  const ids = fc.array(fc.nat(2), { minLength: 1, maxLength: 4 });
  const step = fc.oneof(
    fc.record({ read: ids }),
    fc.record({ readAll: ids }),
    fc.record({ keep: fc.nat(5) }),
    fc.constant({ reset: true as const }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 20 }), (steps) => {
      const [cache, plain] = [new PromptCache(new RememberingDecoder()), new RememberingDecoder()];
      for (const action of steps) {
        if ('read' in action) assert.equal([...cache.forward(action.read)], [...plain.forward(action.read)]);
        else if ('readAll' in action) {
          assert.equal([...cache.forwardAll(action.readAll)], [...plain.forwardAll(action.readAll)]);
        } else {
          const length = 'keep' in action ? Math.min(action.keep, plain.pastLength) : 0;
          for (const decoder of [cache, plain]) decoder.truncate(length);
        }
        assert.is(cache.pastLength, plain.pastLength);
      }
    }),
  );
});

test.run();
