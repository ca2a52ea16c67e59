import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { withTemporaryDirectory } from '../support/temporary.js';
import { fuzzReaders } from './fuzz/run.js';

test('hostile files are read or refused, quickly, in little memory, and leave no trace', () =>
  withTemporaryDirectory(async (directory) => {
    const { tallies, failures } = await fuzzReaders(directory, 2000, 1);
    assert.equal(failures, []);
    for (const [name, { cases, refused }] of tallies) {
      assert.ok(cases > 100, `${name} has ${cases} cases`);
      assert.ok(refused > cases / 3, `${name} refuses ${refused} of ${cases}`);
    }
  }));

test.run();
