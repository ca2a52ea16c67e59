import { readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import zlib from 'node:zlib';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { type DatasetDescription, readDataset } from '../../src/text/dataset.js';
import { readText } from '../../src/text/documents.js';
import { failure } from '../hub/support.js';
import { withTemporaryDirectory } from '../support/temporary.js';
import { embeddedTokenizer } from './support.js';

const tokenizer = embeddedTokenizer();
const calibration = join(import.meta.dirname, '../../recipes/data/calibration.txt');

async function withFile(content: string | Uint8Array, use: (path: string) => Promise<void>): Promise<void> {
  await withTemporaryDirectory(async (directory) => {
    const path = join(directory, 'text.txt');
    writeFileSync(path, content);
    await use(path);
  });
}

async function problemOf(description: DatasetDescription): Promise<string> {
  return (await failure(readDataset(description, tokenizer))).message;
}

test('the text is tokenized once, with one leading special token', async () => {
  const all = await readDataset({ text: calibration, length: 512 }, tokenizer);
  const some = await readDataset({ text: calibration, length: 512, windows: 3 }, tokenizer);
  assert.is(some.count, 3);
  assert.ok(all.count > 20);
  assert.is(some.at(0)[0], 2);
  assert.is([...all].filter((window) => window.includes(2)).length, 1);
  assert.equal([...some.at(2)], [...all.at(2)]);
});

test('windows are consecutive parts of the ids of the whole text', () =>
  withFile('The ship was built in 1912 .', async (path) => {
    const ids = [2, 55, 261, 1204, 320, 1864, 287, 1665, 21];
    const windows = [...(await readDataset({ text: path, length: 3 }, tokenizer))];
    assert.equal(
      windows.flatMap((window) => [...window]),
      ids,
    );
    const overlapping = await readDataset({ text: path, length: 8, stride: 1 }, tokenizer);
    assert.is(overlapping.count, 3);
    assert.equal([...overlapping.at(1)], ids.slice(1));
  }));

test('the first windows of a long text are those of the whole', () =>
  withFile('The ship was built in 1912 . '.repeat(40_000), async (path) => {
    const some = await readDataset({ text: path, length: 512, windows: 300 }, tokenizer);
    const all = await readDataset({ text: path, length: 512 }, tokenizer);
    assert.ok(all.count > 600);
    assert.equal([...some.at(299)], [...all.at(299)]);
  }));

test('bytes are kept as they are: byte order mark, line ends, spaces', () =>
  withFile('\ufeffa\r\nb  ', async (path) => {
    const ids = tokenizer.encode('\ufeffa\r\nb  ', { special: true });
    const windows = await readDataset({ text: path, length: ids.length }, tokenizer);
    assert.is(tokenizer.decode(windows.at(0), { special: false }), '\ufeffa\r\nb  ');
  }));

test('a text that is empty or too short for what is asked is refused', async () => {
  await withFile('', async (path) => {
    assert.is(await problemOf({ text: path, length: 2 }), `${path} is empty`);
  });
  await withFile('The ship was built in 1912 .', async (path) => {
    assert.is(await problemOf({ text: path, length: 512 }), `${path} has 10 tokens, fewer than one window of 512`);
    assert.is(
      await problemOf({ text: path, length: 11, windows: 1 }),
      `${path} has 10 tokens, fewer than one window of 11`,
    );
    assert.is(
      await problemOf({ text: path, length: 5, windows: 3 }),
      `${path}: asked for 3 windows of 5 tokens, the text has 2`,
    );
    assert.is((await readDataset({ text: path, length: 5, windows: 2 }, tokenizer)).count, 2);
  });
});

test('a file that is missing, too large or not UTF-8 is refused', async () => {
  assert.match(await problemOf({ text: '/nonexistent/text.txt', length: 2 }), /text\.txt does not exist/);
  await withFile(Uint8Array.of(0x61, 0xe9, 0x61), async (path) =>
    assert.match(await problemOf({ text: path, length: 2 }), /is not UTF-8 text/),
  );
  await withFile('', async (path) => {
    truncateSync(path, 2 ** 40);
    assert.match(
      await problemOf({ text: path, length: 2 }),
      /has 1,099,511,627,776 bytes, more than the 268,435,456 that can be read/,
    );
  });
});

test('lines of JSON are documents, joined by a separator', () =>
  withFile('{"text":"a\\nb","n":1}\n\n{"n":2,"text":"½"}\r\n', async (path) => {
    assert.is(await readText({ jsonl: path, field: 'text', join: '\n\n' }, 100), 'a\nb\n\n½');
    assert.is(await readText({ jsonl: path, field: 'text', join: '' }, 100), 'a\nb½');
    const problem = async (field: string, maximumBytes: number) =>
      failure(readText({ jsonl: path, field, join: '' }, maximumBytes));
    const wrongField = await problem('txt', 100);
    assert.is(wrongField.message, `${path}:1 has no text in the field "txt"`);
    assert.is(wrongField.suggestion, 'its fields with text are "text"');
    assert.match((await problem('text', 2)).message, /bytes, more than the 4 that can be read/);
  }));

test('a line that is not JSON is named', () =>
  withFile('{"text":"a"}\n{"text":\n', async (path) => {
    const error = await failure(readText({ jsonl: path, field: 'text', join: '' }, 100));
    assert.is(error.message, `${path}:2 is not valid JSON`);
  }));

const parquet = (codec: string) => join(import.meta.dirname, `golden/texts.${codec}.parquet`);
const rows = [
  ' = Title = \n',
  '',
  ' The ship was built in 1912 . \n',
  '½ naïve 日本語 👍\n',
  `${'the '.repeat(200)}\n`,
];
const texts = Array.from({ length: 4 }, () => rows).flat();

test('rows of Parquet are documents, however they are compressed', async () => {
  const codecs = ['snappy', 'gzip', 'none', ...('zstdDecompressSync' in zlib ? ['zstd'] : [])];
  for (const codec of codecs) {
    const source = { parquet: [parquet(codec)], column: 'text', join: '|' };
    assert.is(await readText(source, 100_000), texts.join('|'), codec);
  }
  const two = { parquet: [parquet('snappy'), parquet('gzip')], column: 'text', join: '' };
  assert.is(await readText(two, 100_000), [...texts, ...texts].join(''));
  assert.match((await failure(readText(two, 4000))).message, /and 1 more has more than the 4,000 bytes of text/);
});

test('a Parquet file without the column, or that is damaged, is refused', async () => {
  const problem = (path: string, column = 'text') => failure(readText({ parquet: [path], column, join: '' }, 100_000));
  const missing = await problem(parquet('snappy'), 'txt');
  assert.match(missing.message, /has no column "txt"$/);
  assert.is(missing.suggestion, 'its columns are "id", "text"');
  assert.match((await problem(parquet('snappy'), 'id')).message, /has no text in row 1 of "id"$/);
  const whole = readFileSync(parquet('snappy'));
  await withFile(whole.subarray(0, 500), async (path) =>
    assert.match((await problem(path)).message, /can't be read as Parquet/),
  );
  const changed = Buffer.from(whole);
  changed.writeUInt32LE(2 ** 31 - 1, changed.length - 8);
  await withFile(changed, async (path) => assert.match((await problem(path)).message, /can't be read as Parquet/));
});

test.run();
