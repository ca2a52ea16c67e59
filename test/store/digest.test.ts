import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { digestOfBytes, digestOfFile, hexOf, isDigest, parseDigest } from '../../src/store/digest.js';
import { withTemporaryDirectory } from '../support/temporary.js';

const emptyHex = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855';

test('a digest is `sha256:` and 64 lower-case digits', () => {
  assert.ok(isDigest(`sha256:${emptyHex}`));
  for (const text of [emptyHex, `sha1:${emptyHex}`, `sha256:${emptyHex.toUpperCase()}`, `sha256:${emptyHex}0`, '']) {
    assert.not(isDigest(text), text);
  }
  assert.not(isDigest(`sha256:${emptyHex}\n`));
  assert.is(parseDigest('sha256:../../etc/passwd'), undefined);
  assert.is(parseDigest(`sha256:${emptyHex}`), `sha256:${emptyHex}`);
});

test('bytes are named by their sha256', () => {
  assert.is(hexOf(digestOfBytes(new Uint8Array())), emptyHex);
});

test('files of any size have the digest of their bytes', async () => {
  await withTemporaryDirectory(async (directory) => {
    for (const sizeBytes of [0, 1, (1 << 20) - 1, 1 << 20, (1 << 20) + 1, 40 << 20]) {
      const bytes = Buffer.alloc(sizeBytes, `content of ${sizeBytes} bytes`);
      const path = join(directory, 'file');
      writeFileSync(path, bytes);
      const expected = `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
      assert.equal(await digestOfFile(path), { digest: expected, sizeBytes });
    }
  });
});

test('files hashed at the same time do not mix', async () => {
  await withTemporaryDirectory(async (directory) => {
    const contents = ['a', 'b', 'c'].map((letter) => Buffer.alloc(34 << 20, letter));
    const digests = await Promise.all(
      contents.map((bytes, index) => {
        writeFileSync(join(directory, String(index)), bytes);
        return digestOfFile(join(directory, String(index)));
      }),
    );
    assert.equal(
      digests.map(({ digest }) => digest),
      contents.map(digestOfBytes),
    );
  });
});

test.run();
