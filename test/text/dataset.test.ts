import { truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { readDataset } from '../../src/text/dataset.js';
import { inputError } from '../checkpoints/support.js';
import { withTemporaryDirectory } from '../support/temporary.js';
import { embeddedTokenizer } from './support.js';

const tokenizer = embeddedTokenizer();
const calibration = join(import.meta.dirname, '../../recipes/data/calibration.txt');

function withText(content: string | Uint8Array, use: (path: string) => void): Promise<void> {
  return withTemporaryDirectory(async (directory) => {
    const path = join(directory, 'text.txt');
    writeFileSync(path, content);
    use(path);
  });
}

test('the text is tokenized once, with one leading special token', () => {
  const all = readDataset({ text: calibration, length: 512 }, tokenizer);
  const some = readDataset({ text: calibration, length: 512, windows: 3 }, tokenizer);
  assert.is(some.count, 3);
  assert.ok(all.count > 20);
  assert.is(some.at(0)[0], 2);
  assert.is([...all].filter((window) => window.includes(2)).length, 1);
  assert.equal([...some.at(2)], [...all.at(2)]);
});

test('windows are consecutive parts of the ids of the whole text', () =>
  withText('The ship was built in 1912 .', (path) => {
    const ids = [2, 55, 261, 1204, 320, 1864, 287, 1665, 21];
    const windows = [...readDataset({ text: path, length: 3 }, tokenizer)];
    assert.equal(
      windows.flatMap((window) => [...window]),
      ids,
    );
    const overlapping = readDataset({ text: path, length: 8, stride: 1 }, tokenizer);
    assert.is(overlapping.count, 3);
    assert.equal([...overlapping.at(1)], ids.slice(1));
  }));

test('bytes are kept as they are: byte order mark, line ends, spaces', () =>
  withText('\ufeffa\r\nb  ', (path) => {
    const ids = tokenizer.encode('\ufeffa\r\nb  ', { special: true });
    const windows = readDataset({ text: path, length: ids.length }, tokenizer);
    assert.is(tokenizer.decode(windows.at(0), { special: false }), '\ufeffa\r\nb  ');
  }));

test('a text that is empty or too short for what is asked is refused', async () => {
  await withText('', (path) => {
    assert.is(inputError(() => readDataset({ text: path, length: 2 }, tokenizer)).message, `${path} is empty`);
  });
  await withText('The ship was built in 1912 .', (path) => {
    const message = (length: number, windows?: number): string =>
      inputError(() => readDataset({ text: path, length, ...(windows === undefined ? {} : { windows }) }, tokenizer))
        .message;
    assert.is(message(512), `${path} has 10 tokens, fewer than one window of 512`);
    assert.is(message(11, 1), `${path} has 10 tokens, fewer than one window of 11`);
    assert.is(message(5, 3), `${path}: asked for 3 windows of 5 tokens, the text has 2`);
    assert.is(readDataset({ text: path, length: 5, windows: 2 }, tokenizer).count, 2);
  });
});

test('a file that is missing, too large or not UTF-8 is refused', async () => {
  const read = (text: string): string => inputError(() => readDataset({ text, length: 2 }, tokenizer)).message;
  assert.match(read('/nonexistent/text.txt'), /text\.txt does not exist/);
  await withText(Uint8Array.of(0x61, 0xe9, 0x61), (path) => assert.match(read(path), /is not UTF-8 text/));
  await withText('', (path) => {
    truncateSync(path, 2 ** 40);
    assert.match(read(path), /has 1,099,511,627,776 bytes, more than the 16,777,216 that can be read/);
  });
});

test.run();
