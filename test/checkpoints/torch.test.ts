import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { readTensorFloat32 } from '../../src/checkpoints/tensor-data.js';
import { openTorch } from '../../src/checkpoints/torch.js';
import { withTemporaryDirectory } from '../support/temporary.js';
import { pickleOf, torchZip } from './hostile-files.js';
import { inputError } from './support.js';

const golden = join(import.meta.dirname, 'golden');

for (const file of ['zip.bin', 'legacy.bin']) {
  test(`${file}: tensors have their values, whatever their strides and storages`, () => {
    const { tensors } = openTorch(join(golden, file));
    const read = (name: string): readonly [readonly number[], readonly number[]] => {
      const tensor = tensors.get(name);
      if (tensor === undefined) throw new Error(`no tensor ${name}`);
      return [tensor.dims, [...readTensorFloat32(tensor)]];
    };
    assert.equal(read('matrix'), [
      [2, 3],
      [0, 1, 2, 3, 4, 5],
    ]);
    assert.equal(read('transposed'), [
      [3, 2],
      [0, 3, 1, 4, 2, 5],
    ]);
    assert.equal(read('corner'), [
      [1, 2],
      [4, 5],
    ]);
    assert.equal(read('channels_last'), [
      [1, 2, 2, 2],
      [0, 1, 2, 3, 4, 5, 6, 7],
    ]);
    assert.equal(read('half'), [[2], [1, -0.5]]);
    assert.equal(read('brain'), [[2], [1, -3.140625]]);
    assert.equal(read('double'), [[], [Math.fround(0.1)]]);
    assert.equal(read('eighth'), [[2], [448, -(2 ** -9)]]);
    assert.equal(read('parameter'), [[1], [7]]);
    assert.equal(read('none'), [[0, 3], []]);
    assert.match(inputError(() => read('count')).message, /"count" is int64, which can't be read as float32/);
  });
}

test('the weights are found in what a trainer saved', () => {
  const { tensors } = openTorch(join(golden, 'trainer.bin'));
  assert.equal([...tensors.keys()], ['weight', 'bias']);
});

test('a file that would run code is refused by the name of what it would run', () => {
  for (const file of ['evil.bin', 'evil-legacy.bin']) {
    assert.match(
      inputError(() => openTorch(join(golden, file))).message,
      /evil.*: "posix\.system" is not allowed: this file would run code/,
    );
  }
  assert.not(existsSync('quern-was-here'));
  const module = inputError(() => openTorch(join(golden, 'module.bin')));
  assert.match(module.message, /"torch\.nn\.modules\.linear\.Linear" is not allowed/);
  assert.match(module.suggestion ?? '', /torch\.save\(model\.state_dict\(\), path\)/);
});

test('a tensor that is one element many times is refused', () => {
  assert.match(inputError(() => openTorch(join(golden, 'expanded.bin'))).message, /elements that share their place/);
});

function openError(bytes: Uint8Array): Promise<string> {
  let message = '';
  return withTemporaryDirectory(async (directory) => {
    const path = join(directory, 'weights.bin');
    writeFileSync(path, bytes);
    message = inputError(() => openTorch(path)).message;
  }).then(() => message);
}

const refusedPickles: readonly (readonly [what: string, pickle: Uint8Array, message: RegExp])[] = [
  ['nothing', Uint8Array.of(), /the pickle ends too early/],
  ['no end', pickleOf(']'), /the pickle ends too early/],
  ['protocol 0', Buffer.from('(dp0\n.'), /the operation 0x64, which torch\.save does not write/],
  ['protocol 9', Uint8Array.of(0x80, 9, 0x2e), /is of protocol 9; 2 to 5 are supported/],
  ['an empty stack', pickleOf('.'), /uses an empty stack/],
  ['a pop from below a mark', pickleOf('](0.'), /uses an empty stack/],
  ['a mark that is not there', pickleOf('t.'), /uses a mark that it has not set/],
  ['a memo that is not there', pickleOf('h\u0005.'), /refers to value 5, which it has not stored/],
  ['a call of a list', pickleOf('])R.'), /calls something that can not be called/],
  ['an import by the stack', pickleOf('\u008c\u0002os\u008c\u0006system\u0093.'), /"os\.system" is not allowed/],
  ['an instance of protocol 0', pickleOf('(ios\nsystem\n.'), /"os\.system" is not allowed/],
  ['an extension code', pickleOf('\u0082\u0001.'), /the operation 0x82, which torch\.save does not write/],
  ['a text as long as memory', pickleOf('X\u00ff\u00ff\u00ff\u00ff'), /4294967295 bytes are needed/],
  ['bytes of 2^63', pickleOf('\u008e\0\0\0\0\0\0\0\u0080'), /9223372036854775808 bytes are needed/],
  ['an integer of a kilobyte', pickleOf('\u008b\0\u0004\0\0'), /has an integer of 1024 bytes/],
  ['a text that is not UTF-8', pickleOf('\u008c\u0001\u00ff.'), /has a text at byte \d+ that is not UTF-8/],
  ['a list of itself', pickleOf(']q\0h\0a.'), /holds no dictionary of tensors/],
  ['operations without end', pickleOf(`${'N0'.repeat(250_001)}N.`), /more than 500000 operations/],
];

for (const [what, pickle, message] of refusedPickles) {
  test(`refused pickle: ${what}`, async () => {
    assert.match(await openError(torchZip({ 'archive/data.pkl': pickle })), message);
  });
}

test('archives that are not what torch.save writes are refused', async () => {
  const good = readFileSync(join(golden, 'zip.bin'));
  const pickle = pickleOf('}.');
  assert.match(await openError(Uint8Array.of()), /is not a file of torch\.save/);
  assert.match(await openError(good.subarray(0, 900)), /the ZIP archive has no directory at its end/);
  assert.match(await openError(torchZip({ 'archive/other': pickle })), /a ZIP archive without data\.pkl/);
  assert.match(await openError(torchZip({ 'a/data.pkl': pickle, 'a/byteorder': Buffer.from('big') })), /"big", not/);
  assert.match(await openError(torchZip({ 'a/data.pkl': pickle }, { method: 8 })), /"a\/data\.pkl" compressed/);
  assert.match(
    await openError(torchZip({ 'a/data.pkl': pickle }, { sizeBytes: 1e9 })),
    /with more bytes than there are/,
  );
  const text = good.toString('latin1');
  const shorter = Buffer.from(text.replace('K\u0006tq\u0008Q', 'K\u0007tq\u0008Q'), 'latin1');
  assert.match(await openError(shorter), /describes storage "0" in two ways/);
});

test.run();
