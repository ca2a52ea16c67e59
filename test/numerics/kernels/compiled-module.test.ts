import { existsSync, readFileSync } from 'node:fs';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { compileKernels, compiler, moduleFile } from '../../../scripts/build-kernels.js';

test('the checked-in module is what the sources compile to', () => {
  if (!existsSync(compiler)) {
    console.log('SKIP assemblyscript is not installed');
    return;
  }
  assert.ok(compileKernels() === readFileSync(moduleFile, 'utf8'), 'run `npm run kernels`');
});

test.run();
