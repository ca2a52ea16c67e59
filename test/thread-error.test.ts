import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { QuernError } from '../src/errors.js';
import { errorOfThread, threadErrorOf } from '../src/thread-error.js';

/** An error after its way through the message of a thread. */
function sent(error: unknown): Error {
  return errorOfThread(structuredClone(threadErrorOf(error)));
}

test('an expected problem keeps its code, suggestion, place, and the stack with its cause', () => {
  const location = { file: 'recipe.yaml', line: 3 };
  const cause = new Error('below');
  const error = sent(new QuernError('engine', 'no device', { suggestion: 'buy one', location, cause }));
  assert.instance(error, QuernError);
  assert.is(error instanceof QuernError ? error.code : undefined, 'engine');
  assert.is(error.message, 'no device');
  assert.is(error instanceof QuernError ? error.suggestion : undefined, 'buy one');
  assert.equal(error instanceof QuernError ? error.location : undefined, location);
  assert.match(error.stack ?? '', /thread-error\.test\.ts[\s\S]*caused by Error: below/);
});

test('a system error keeps its code and path, a defect is none of the expected problems', () => {
  const full = Object.assign(new Error('write'), { code: 'ENOSPC', path: '/data/model' });
  const system = sent(full);
  assert.not.instance(system, QuernError);
  assert.equal({ ...system }, { code: 'ENOSPC', path: '/data/model' });
  assert.equal({ ...sent(new TypeError('x is undefined')) }, {});
  assert.is(sent('thrown text').message, 'thrown text');
});

test.run();
