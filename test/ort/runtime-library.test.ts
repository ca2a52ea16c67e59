import { existsSync } from 'node:fs';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { QuernError } from '../../src/errors.js';
import { checkVersion, runtimeLibraryPath } from '../../src/ort/runtime-library.js';

test('the library of this platform is in the package', () => {
  assert.ok(existsSync(runtimeLibraryPath()));
});

test('only patch releases of one version are accepted', () => {
  checkVersion('1.30.0');
  checkVersion('1.30.2');
  for (const version of ['1.31.0', '1.3.0', '1.300.0', '1.30', '']) {
    assert.throws(
      () => checkVersion(version),
      (error: unknown) =>
        error instanceof QuernError && error.message === `ONNX Runtime ${version} is installed, 1.30 is needed`,
    );
  }
});

test.run();
