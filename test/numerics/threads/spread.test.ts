import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { QuernError } from '../../../src/errors.js';
import { spread } from '../../../src/numerics/threads/spread.js';
import { run } from './jobs.mjs';

type Result = ReturnType<typeof run>;
const module = new URL('./jobs.mjs', import.meta.url);

test('results come in the order of the jobs, for any number of threads', async () => {
  const jobs = Array.from({ length: 20 }, (_, value) => ({ value }));
  const expected = jobs.map(({ value }) => [value, value * 2]);
  for (const threads of [1, 2, 5]) {
    const taken: (readonly number[])[] = [];
    await spread({ jobs, run, module }, threads, ({ values }: Result, index) => {
      assert.is(taken.length, index);
      taken.push([...values]);
    });
    assert.equal(taken, expected);
  }
  await spread({ jobs: [], run, module }, 2, () => assert.unreachable());
});

test('jobs run at the same time, on this thread and others', async () => {
  const everyThread = new Int32Array(new SharedArrayBuffer(8));
  everyThread[1] = 3;
  const jobs = [1, 2, 3].map((value) => ({ value, everyThread }));
  const places: boolean[] = [];
  await spread({ jobs, run, module }, 3, ({ isMainThread }: Result) => places.push(isMainThread));
  assert.equal(places.sort(), [false, false, true]);
});

test('of several errors that of the first job is thrown, with its code and suggestion', async () => {
  const jobs = [{ value: 1 }, { value: 2, error: 'no two', code: 'input' }, { value: 3, error: 'no three' }];
  for (const threads of [1, 3]) {
    try {
      await spread({ jobs, run, module }, threads, () => {});
      assert.unreachable();
    } catch (error) {
      assert.is((error as Error).message, 'no two');
      if (threads > 1 && error instanceof QuernError) assert.is(error.suggestion, 'another value');
    }
  }
});

test('no job begins after an error', async () => {
  const begun: number[] = [];
  const jobs = [{ value: 1 }, { value: 2, error: 'no two' }, { value: 3 }];
  const counted = (job: (typeof jobs)[number]): Result => {
    begun.push(job.value);
    return run(job);
  };
  const taken: number[] = [];
  try {
    await spread({ jobs, run: counted, module }, 1, (_result: Result, index) => taken.push(index));
    assert.unreachable();
  } catch (error) {
    assert.is((error as Error).message, 'no two');
  }
  assert.equal(begun, [1, 2]);
  assert.equal(taken, [0]);
});

test.run();
